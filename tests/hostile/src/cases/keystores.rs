//! The stretching of passphrases, and keystores.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use prost::Message as _;
use sealpost_protocol::http::paths;
use serde_json::{Value, json};

use super::{Case, Forms, Shown, both, explained, refused, sdk};
use crate::keystore::SealedKeystore;
use crate::orders::{self, edit, is_keystore, keystore, keystore_bytes};
use crate::relay::Orders;
use crate::scene::Scene;
use crate::victim::{Failure, Victim, patiently};

/// What refuses a keystore, in either client.
const SPOILT: &[&str] = &["integrity", "cannot_open"];
/// What refuses parameters.
const PARAMETERS: &[&str] = &["integrity", "pin_mismatch"];

pub(super) fn cases() -> Vec<Case> {
    vec![
        both("R12", "Argon2 below the floor", |scene| {
            Box::pin(stretching(scene, &BELOW))
        }),
        both("R13", "Argon2 above the ceiling", |scene| {
            Box::pin(stretching(scene, &ABOVE))
        }),
        both(
            "R14",
            "a salt of the keystore is empty, short or another one",
            run!(salts),
        ),
        sdk(
            "R15",
            "an older keystore",
            run!(rolled_back),
            "this client fetches the keystore once, when a device logs in, and changes none",
        ),
        both("R16", "the keystore of somebody else", run!(of_carol)),
        both("R17", "one bit of the keystore is flipped", run!(flipped)),
        both("R18", "a commitment of another key", run!(commitments)),
        both("R19", "the relay says that there is no keystore", run!(none)),
        explained(
            "R20",
            "database, server setup and a list of leaked passphrases together",
            "not done over the wire: who has all of that may try passphrases at the price of Argon2id each, and for an account with \
             a device secret none of them opens anything (SPEC.md, section 5; the SDK's tests of the keystore show it)",
        ),
    ]
}

/// Memory in KiB, passes, lanes.
type Parameters = [(u32, u32, u32); 3];

const BELOW: Parameters = [(8, 1, 1), (65_535, 3, 1), (65_536, 2, 1)];
const ABOVE: Parameters = [(u32::MAX, 3, 1), (65_536, u32::MAX, 1), (65_536, 3, 1 << 24)];

/// At both places where a relay names them; before any work.
async fn stretching(scene: &Scene, parameters: &Parameters) -> Shown {
    let mut forms = Forms::default();
    for (m_kib, t, p) in *parameters {
        for place in orders::STRETCHING {
            scene
                .relay
                .misbehave(orders::stretching(std::slice::from_ref(place), (m_kib, t, p)));
            let form = format!("{place}: m={m_kib} t={t} p={p}");
            forms.add(&form, refused(scene.log_in().await, PARAMETERS))?;
        }
    }
    forms.shown()
}

fn spoil_parts(change: impl Fn(&mut SealedKeystore) + Send + 'static) -> Orders {
    keystore_bytes(move |bytes| {
        let mut sealed = SealedKeystore::decode(&bytes[..]).unwrap();
        change(&mut sealed);
        *bytes = sealed.encode_to_vec();
    })
}

/// What the client says of the keystore that is served now. A device of the SDK asks for it; a device of the other client has to log in.
async fn fetched(scene: &Scene) -> Result<(), Failure> {
    match scene.victim {
        Victim::Sdk => {
            let bob = scene.device().await;
            patiently(bob.sdk().refresh_keystore()).await
        }
        Victim::Interop => scene.log_in().await,
    }
}

async fn salts(scene: &Scene) -> Shown {
    type Change = fn(&mut SealedKeystore);
    let changes: [(&str, Change); 3] = [
        ("empty", |sealed| {
            sealed.passphrase_slot.as_mut().unwrap().salt.clear()
        }),
        ("short", |sealed| {
            sealed.passphrase_slot.as_mut().unwrap().salt.truncate(16)
        }),
        ("another one", |sealed| {
            sealed.passphrase_slot.as_mut().unwrap().salt[0] ^= 1
        }),
    ];
    let mut forms = Forms::default();
    for (form, change) in changes {
        scene.relay.misbehave(spoil_parts(change));
        // The slot is opened by who logs in.
        forms.add(form, refused(scene.log_in().await, SPOILT))?;
    }
    forms.shown()
}

async fn rolled_back(scene: &Scene) -> Shown {
    let older = Arc::<Mutex<Option<Value>>>::default();
    let keep = Arc::clone(&older);
    scene
        .relay
        .misbehave(keystore(move |view| *keep.lock().unwrap() = Some(view.clone())));
    let bob = scene.device().await;
    bob.sdk().refresh_keystore().await.unwrap();
    scene.relay.behave();
    let card = scene.carol.contact_card();
    let contacts = bob.sdk().contacts();
    contacts.import(&card).await.unwrap();
    contacts
        .confirm("carol", &scene.carol.fingerprint().to_string())
        .await
        .unwrap();
    let older = older.lock().unwrap().take().unwrap();
    scene
        .relay
        .misbehave(keystore(move |view| view.clone_from(&older)));
    let shown = refused(patiently(bob.sdk().refresh_keystore()).await, &["integrity"]);
    scene.relay.behave();
    contacts.remove("carol").await.unwrap();
    shown
}

async fn of_carol(scene: &Scene) -> Shown {
    let carols = Arc::<Mutex<Option<Value>>>::default();
    let keep = Arc::clone(&carols);
    scene.relay.misbehave(keystore(move |view| {
        *keep.lock().unwrap() = Some(view["keystore"].clone())
    }));
    scene.carol.refresh_keystore().await.unwrap();
    let carols = carols.lock().unwrap().take().unwrap();
    scene
        .relay
        .misbehave(keystore(move |view| view["keystore"].clone_from(&carols)));
    refused(fetched(scene).await, SPOILT)
}

/// All over it: header, slots, content. One error for every place.
async fn flipped(scene: &Scene) -> Shown {
    let places = match scene.victim {
        Victim::Sdk => 64,
        // Each costs a login.
        Victim::Interop => 6,
    };
    let mut forms = Forms::default();
    for place in 0..places {
        scene.relay.misbehave(keystore_bytes(move |bytes| {
            let at = (bytes.len() - 1) * place / (places - 1);
            bytes[at] ^= 1 << (place % 8);
        }));
        forms.add(
            &format!("{place} of {places}"),
            refused(fetched(scene).await, SPOILT),
        )?;
    }
    match forms.said.len() {
        0 | 1 => forms.shown(),
        _ => Err(format!("the error tells where: {:?}", forms.said)),
    }
}

/// A ciphertext may be made that opens under two keys; the commitment names one of them, and is checked before anything is opened.
async fn commitments(scene: &Scene) -> Shown {
    type Change = fn(&mut SealedKeystore);
    let changes: [(&str, Change); 2] = [
        ("of the content", |sealed| {
            sealed.content.as_mut().unwrap().commitment[0] ^= 1
        }),
        ("the slot's for the content's", |sealed| {
            let slots = sealed.passphrase_slot.clone().unwrap().commitment;
            sealed.content.as_mut().unwrap().commitment = slots;
        }),
    ];
    let mut forms = Forms::default();
    for (form, change) in changes {
        scene.relay.misbehave(spoil_parts(change));
        forms.add(form, refused(fetched(scene).await, SPOILT))?;
    }
    forms.shown()
}

async fn none(scene: &Scene) -> Shown {
    let stored = Arc::new(Mutex::new(false));
    let heard = Arc::clone(&stored);
    scene
        .relay
        .misbehave(Orders::default().answers(move |asked, answer| {
        if asked.path.starts_with(paths::KEYSTORE) && asked.method != "GET" {
            *heard.lock().unwrap() = true;
        }
        if is_keystore(asked) {
            answer.status = StatusCode::NOT_FOUND;
            edit(answer, &mut |value| {
                *value =
                    json!({"code": "not_found", "title": "not found", "status": 404, "detail": "make one"});
            });
        }
    }));
    let classes = ["integrity", "not_found", "refused:not_found"];
    let shown = refused(scene.log_in().await, &classes)?;
    match *stored.lock().unwrap() {
        true => Err("the client made a new one".to_owned()),
        false => Ok(shown),
    }
}
