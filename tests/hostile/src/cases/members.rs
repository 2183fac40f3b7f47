//! Who is a member, and the keys of epochs.

use std::sync::{Arc, Mutex};

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::http::paths;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::SetCapabilities;
use sealpost_protocol::wire::control_record::Body;
use sealpost_sdk::{InviteOptions, Message};
use serde_json::json;

use super::log::{entries_of, page, page_in, page_of};
use super::{Case, Forms, Shown, alarmed_after, both, refused, unharmed};
use crate::entries::end_of;
use crate::forgery::{adding, first_of_a_ghost_device, first_of_her_own, record_behind};
use crate::orders::{json_at, no_wraps, wraps};
use crate::scene::{FOUR, Garden, SAID, Scene};
use crate::victim::{Victim, patiently};

pub(super) fn cases() -> Vec<Case> {
    vec![
        both("R35", "a member whom nobody added", run!(ghost)),
        both(
            "R36",
            "a device that its owner has not signed for",
            run!(ghost_device),
        ),
        both("R37", "a removal is kept from a member", run!(hidden_removal)),
        both(
            "R38",
            "new content under the key of an old epoch",
            run!(old_epoch),
        ),
        both("R39", "an epoch is left out, or comes twice", run!(epochs)),
        both("R40", "two records change places", run!(swapped_records)),
        both("R41", "the relay gives somebody rights", run!(raised)),
        both("R42", "the wrap of another epoch", run!(other_epochs_wrap)),
        both("R43", "a member's wrap is kept back", run!(withheld_wrap)),
    ]
}

async fn ghost(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    let (mallory, space) = (scene.mallory.clone(), garden.id);
    page_of(scene, &garden, move |page| {
        let behind = &page.entries[Garden::ADDED];
        let forged = record_behind(
            behind,
            Cursor::start(&space),
            mallory.id(),
            adding(&mallory),
            &mallory,
        );
        page.entries.insert(Garden::FIRST, forged);
    })
    .await
}

async fn ghost_device(scene: &Scene) -> Shown {
    let mallory = scene.mallory.clone();
    page(scene, move |page| {
        let forged = first_of_a_ghost_device(&page.entries[Garden::LAST], &mallory);
        page.entries.push(forged);
    })
    .await
}

/// Mallory is removed. Bob is shown neither the removal nor its rekey, and then what was written behind them.
async fn hidden_removal(scene: &Scene) -> Shown {
    let garden = scene.garden_with_mallory().await;
    garden.alices.remove_member(scene.mallory.id()).await.unwrap();
    garden.alices.send(Message::text("without her")).await.unwrap();
    page_of(scene, &garden, |page| {
        page.entries.drain(Garden::LENGTH + 1..Garden::LENGTH + 3);
    })
    .await
}

/// Mallory is a member, and stays one. What she signs is of the epoch before.
async fn old_epoch(scene: &Scene) -> Shown {
    let garden = scene.garden_with_mallory().await;
    garden.alices.send(Message::text("four")).await.unwrap();
    garden.alices.rekey().await.unwrap();
    let (mallory, last) = (scene.mallory.clone(), Garden::LENGTH + 1);
    page_in(scene, &garden, &FOUR, move |page| {
        let forged = first_of_her_own(&page.entries[last], &mallory);
        page.entries.push(forged);
    })
    .await
}

async fn epochs(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    let garden = scene.garden().await;
    garden.alices.rekey().await.unwrap();
    garden.alices.rekey().await.unwrap();
    garden.alices.send(Message::text("four")).await.unwrap();
    let second = Garden::LENGTH;
    let skipped = page_of(scene, &garden, move |page| drop(page.entries.remove(second)));
    forms.add("left out", skipped.await)?;
    let twice = page_of(scene, &garden, move |page| {
        page.entries.insert(second + 1, page.entries[second].clone());
    });
    forms.add("twice", twice.await)?;
    forms.shown()
}

/// Whatever order an honest relay picks, it is one order for all. Another one does not hold.
async fn swapped_records(scene: &Scene) -> Shown {
    let garden = scene.garden_with_mallory().await;
    let grant = garden
        .alices
        .set_capabilities(scene.mallory.id(), Capabilities::NONE);
    grant.await.unwrap();
    page_of(scene, &garden, |page| {
        page.entries.swap(Garden::LENGTH, Garden::LENGTH + 1)
    })
    .await
}

async fn raised(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    let garden = scene.garden().await;
    let log = entries_of(scene, &garden).await;
    let (seen, alice) = (end_of(&garden.id, &log), scene.alice.account().principal_id);
    let mallory = scene.mallory.clone();
    let forged = page_of(scene, &garden, move |page| {
        let grant = SetCapabilities {
            principal_id: alice.to_bytes(),
            capabilities: Capabilities::ALL.bits(),
        };
        let behind = &page.entries[Garden::ADDED];
        let record = record_behind(behind, seen, alice, Body::SetCapabilities(grant), &mallory);
        page.entries.push(record);
    });
    forms.add("by a record that Alice did not sign", forged.await)?;
    if scene.victim == Victim::Sdk {
        let role = |value: &mut serde_json::Value| {
            if let Some(spaces) = value["spaces"].as_array_mut() {
                spaces.iter_mut().for_each(|space| {
                    space["role"] = json!("owner");
                    space["capabilities"] = json!(7);
                });
            }
        };
        scene.relay.misbehave(json_at(&[paths::SPACES], role));
        let bob = scene.device().await;
        let invited = async {
            bob.sdk().spaces().await?;
            let space = bob.sdk().space(garden.id).await?;
            space.create_invite(InviteOptions::default()).await
        };
        let invited = patiently(invited).await;
        forms.add(
            "by the list of spaces",
            refused(invited, &["refused:not_permitted"]),
        )?;
    }
    forms.shown()
}

/// The relay has the wrap of the epoch before, and serves it for the next one.
async fn other_epochs_wrap(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    let first = wrap_of(scene, &garden).await;
    garden.alices.rekey().await.unwrap();
    garden.alices.send(Message::text("four")).await.unwrap();
    scene
        .relay
        .misbehave(wraps(move |wrap| wrap.sealed.clone_from(&first)));
    alarmed_after(scene.device().await.read(garden.id, SAID.len() + 1).await, &SAID)
}

/// What was wrapped to Bob in a garden.
pub(super) async fn wrap_of(scene: &Scene, garden: &Garden) -> bytes::Bytes {
    let seen = Arc::<Mutex<Option<bytes::Bytes>>>::default();
    let keep = Arc::clone(&seen);
    scene.relay.misbehave(wraps(move |wrap| {
        *keep.lock().unwrap() = Some(wrap.sealed.clone())
    }));
    scene
        .device()
        .await
        .read(garden.id, SAID.len())
        .await
        .ended
        .unwrap();
    scene.relay.behave();
    seen.lock().unwrap().take().unwrap()
}

async fn withheld_wrap(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    scene.relay.misbehave(no_wraps());
    let mut bob = scene.device().await;
    let read = bob.read(garden.id, SAID.len()).await;
    let shown = alarmed_after(read, &[])?;
    // The others go on.
    garden.alices.send(Message::text("four")).await.unwrap();
    scene.relay.behave();
    unharmed(scene.device().await.read(garden.id, FOUR.len()).await, &FOUR)?;
    Ok(shown)
}
