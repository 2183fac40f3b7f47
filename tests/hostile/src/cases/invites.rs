//! Invites, and the links behind which they are.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message as _;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::client_frame::Body as Ask;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::relay_frame::Body as Answer;
use sealpost_protocol::wire::{AcceptInvite, ClientFrame, ControlRecord, FetchedInvite, RelayFrame};
use sealpost_sdk::{InviteLink, InviteOptions, Joined, Space, SpaceOptions};

use super::log::page_of;
use super::{Case, Forms, Shown, alarmed, both, explained, refused, sdk};
use crate::entries::record;
use crate::forgery::record_behind;
use crate::orders::nack;
use crate::relay::Orders;
use crate::scene::{Garden, Scene};
use crate::victim::{Failure, patiently};

/// Why the other client has no part in it.
const JOINS_NOTHING: &str = "this client does not join by links";

pub(super) fn cases() -> Vec<Case> {
    vec![
        sdk(
            "R44",
            "the relay looks for a link's secret",
            run!(secret),
            JOINS_NOTHING,
        ),
        sdk(
            "R45",
            "what an invite says is changed",
            run!(altered),
            JOINS_NOTHING,
        ),
        sdk(
            "R46",
            "an invite that was revoked is served as open",
            run!(revoked),
            JOINS_NOTHING,
        ),
        both("R47", "the relay redeems an invite itself", run!(redeemed)),
        explained(
            "R48",
            "what is shown of a space before one joins is forged",
            "nothing is: the page behind a link has no name and no picture of the space, and neither client shows any before the \
             control chain is verified from the genesis record, whose hash is in the link",
        ),
    ]
}

/// A space of Alice's with an invite.
async fn invited(scene: &Scene) -> (Space, InviteLink) {
    let options = SpaceOptions::default();
    let space = scene.alice.create_space("kitchen", options).await.unwrap();
    let link = space.create_invite(InviteOptions::default()).await.unwrap();
    (space, link)
}

async fn join(scene: &Scene, link: &InviteLink) -> Result<(), Failure> {
    let bob = scene.device().await;
    let joined = patiently(bob.sdk().join(link)).await?;
    match joined {
        Joined::Member(_) => Ok(()),
        Joined::Waiting(_) => panic!("the invite needs no approval"),
    }
}

/// Changes what is shown to who has a link.
fn shown(change: impl Fn(&mut FetchedInvite) + Send + 'static) -> Orders {
    Orders::default().frames(move |mut frame| {
        if let Some(Answer::FetchedInvite(fetched)) = &mut frame.body {
            change(fetched);
        }
        vec![frame]
    })
}

async fn secret(scene: &Scene) -> Shown {
    let (_space, link) = invited(scene).await;
    let heard = Arc::<Mutex<Vec<u8>>>::default();
    let (frames, requests) = (Arc::clone(&heard), Arc::clone(&heard));
    let mut first = true;
    let orders = Orders::default()
        .requests(move |frame| {
            frames.lock().unwrap().extend(frame.encode_to_vec());
            let asks = matches!(frame.body, Some(Ask::FetchInvite(_)));
            (asks && std::mem::take(&mut first)).then(|| turned_away(frame))
        })
        .answers(move |asked, _| {
            let mut heard = requests.lock().unwrap();
            heard.extend(asked.path.bytes());
            heard.extend(&asked.body);
        });
    scene.relay.misbehave(orders);
    let first_try = join(scene, &link).await;
    let joined = join(scene, &link).await;
    let heard = heard.lock().unwrap();
    let secret = link.expose_secret();
    let holds = |what: &[u8]| heard.windows(what.len()).any(|part| part == what);
    if holds(secret) || holds(URL_SAFE_NO_PAD.encode(secret).as_bytes()) {
        return Err("the relay has it".to_owned());
    }
    match joined {
        Ok(()) => Ok(format!(
            "joined; {} bytes were heard and it was in none",
            heard.len()
        )),
        Err(failure) => Err(format!("{failure:?} after {first_try:?}")),
    }
}

async fn altered(scene: &Scene) -> Shown {
    type Change = fn(&mut sealpost_protocol::wire::CreateInvite);
    let changes: [(&str, Change); 3] = [
        ("capabilities", |invite| invite.capabilities = 7),
        ("expiry", |invite| invite.expires_at_s = 0),
        ("uses", |invite| invite.uses = 4_096),
    ];
    let mut forms = Forms::default();
    for (form, change) in changes {
        let (_space, link) = invited(scene).await;
        scene.relay.misbehave(shown(move |fetched| {
            for control in &mut fetched.controls {
                let mut record = ControlRecord::decode(control.record.clone()).unwrap();
                if let Some(Body::CreateInvite(invite)) = &mut record.body {
                    change(invite);
                    control.record = record.encode_to_vec().into();
                }
            }
        }));
        forms.add(form, alarmed(join(scene, &link).await))?;
    }
    let (_space, link) = invited(scene).await;
    let (other, _) = invited(scene).await;
    let elsewhere = InviteLink::new(*link.expose_secret(), link.relay_url(), other.id()).unwrap();
    scene
        .relay
        .misbehave(shown(|fetched| fetched.wrap = vec![1; 1168].into()));
    forms.add(
        "space",
        refused(join(scene, &elsewhere).await, &["refused:invite_void"]),
    )?;
    let beyond = InviteLink::new(
        *link.expose_secret(),
        "https://relay.example.org",
        link.space_id(),
    )
    .unwrap();
    forms.add("relay", refused(join(scene, &beyond).await, &["usage"]))?;
    forms.add("wrap", alarmed(join(scene, &link).await))?;
    forms.shown()
}

/// What was shown while the invite was open is shown again after it was revoked.
async fn revoked(scene: &Scene) -> Shown {
    let (space, link) = invited(scene).await;
    let open = Arc::<Mutex<Option<FetchedInvite>>>::default();
    let keep = Arc::clone(&open);
    let turn_away = |frame: &ClientFrame| {
        let publishes = matches!(frame.body, Some(Ask::Publish(_)));
        publishes.then(|| turned_away(frame))
    };
    let orders = Orders::default().requests(turn_away).frames(move |frame| {
        if let Some(Answer::FetchedInvite(fetched)) = &frame.body {
            *keep.lock().unwrap() = Some(fetched.clone());
        }
        vec![frame]
    });
    scene.relay.misbehave(orders);
    join(scene, &link).await.unwrap_err();
    let key = space.invites().await.unwrap().remove(0).key;
    space.revoke_invite(key).await.unwrap();
    let shown = open.lock().unwrap().take().unwrap();
    scene.relay.misbehave(Orders::default().requests(move |frame| {
        let asks = matches!(frame.body, Some(Ask::FetchInvite(_)));
        asks.then(|| {
            vec![RelayFrame {
                request_id: frame.request_id,
                body: Some(Answer::FetchedInvite(shown.clone())),
            }]
        })
    }));
    let joined = join(scene, &link).await;
    if space.members().await.unwrap().len() > 1 {
        return Err("somebody is in".to_owned());
    }
    match joined {
        Ok(()) => Err("it went through".to_owned()),
        Err(failure) => Ok(super::said(&failure)),
    }
}

/// A client that is told to show the link has nothing to show it with.
fn turned_away(frame: &ClientFrame) -> Vec<RelayFrame> {
    vec![nack(frame.request_id, "invite_void", "send the whole link")]
}

/// It has the invite's public key, and Mallory's.
async fn redeemed(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    garden
        .alices
        .create_invite(InviteOptions::default())
        .await
        .unwrap();
    let key = garden.alices.invites().await.unwrap().remove(0).key;
    let (mallory, space) = (scene.mallory.clone(), garden.id);
    let me: PrincipalId = mallory.id();
    let accepting = move |page: &mut sealpost_protocol::wire::Page| {
        let accept = AcceptInvite {
            invite_key: key.as_bytes().to_vec().into(),
            manifest: mallory.manifest.bytes().clone(),
            wrap: vec![2; 1168].into(),
        };
        let behind = &page.entries[Garden::LENGTH];
        let seen = Cursor::start(&space);
        page.entries.push(record_behind(
            behind,
            seen,
            me,
            Body::AcceptInvite(accept),
            &mallory,
        ));
        let last = page.entries.len() - 1;
        // Her own signature stands where that of the invite's key belongs.
        let control = record(page, last);
        control.co_signature = control.signature.clone();
    };
    page_of(scene, &garden, accepting).await
}
