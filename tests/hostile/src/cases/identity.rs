//! Keys and who they belong to.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::StatusCode;
use prost::Message as _;
use sealpost_protocol::hash::Label;
use sealpost_protocol::http::{Base64Bytes, PrincipalCandidate, paths};
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::keys::sign;
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Fingerprint;
use sealpost_protocol::socket::SocketProof;
use sealpost_protocol::wire::client_frame::Body as Ask;
use sealpost_protocol::wire::{PrincipalManifest, SignedManifest};
use serde_json::json;

use super::log::{page, page_of};
use super::members::wrap_of;
use super::{Case, Forms, Shown, alarmed, alarmed_after, both, refused, sdk, unharmed};
use crate::entries::{event, not_reduced, record, spoilt};
use crate::orders::{self, edit, nonce, wraps};
use crate::relay::Orders;
use crate::scene::{Garden, SAID, Scene};
use crate::victim::{Victim, patiently};

/// Why the other client has no part in it.
const KNOWS_NOBODY: &str =
    "this client looks nobody up and adds nobody: it seals to no key that a relay could name";

pub(super) fn cases() -> Vec<Case> {
    vec![
        both(
            "R1",
            "a wrapped key is replaced by one that the chain does not commit to",
            run!(replaced_wrap),
        ),
        sdk(
            "R2",
            "a contact's keys are replaced by Mallory's",
            run!(substituted),
            KNOWS_NOBODY,
        ),
        sdk(
            "R3",
            "an HPKE key of zeros, of low order, or not canonical",
            run!(weak_hpke),
            KNOWS_NOBODY,
        ),
        both(
            "R4",
            "a signature or a key that is weak or not canonical",
            run!(weak_signature),
        ),
        both(
            "R5",
            "a valid signature under another kind of message",
            run!(other_label),
        ),
        both("R6", "an id of one kind in the place of another", run!(other_id)),
        sdk(
            "R7",
            "a confirmed contact has other keys",
            run!(changed),
            KNOWS_NOBODY,
        ),
        both("R8", "recovery keys and policies are offered", run!(escrow)),
        both("R9", "another OPAQUE key than before", run!(other_opaque_key)),
        both(
            "R10",
            "the answer of OPAQUE is that of another suite",
            run!(other_suite),
        ),
        both("R11", "a challenge of the relay's choice", run!(challenged)),
    ]
}

async fn replaced_wrap(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    let other = wrap_of(scene, &scene.garden().await).await;
    let own = spoilt(other.clone());
    for (form, wrap) in [
        ("of another space", other),
        ("spoilt", own),
        ("empty", Bytes::new()),
    ] {
        let garden = scene.garden().await;
        scene
            .relay
            .misbehave(wraps(move |fetched| fetched.sealed.clone_from(&wrap)));
        let read = scene.device().await.read(garden.id, SAID.len()).await;
        forms.add(form, alarmed_after(read, &[]))?;
    }
    forms.shown()
}

/// What the relay answers to a look-up.
fn candidate(signed: SignedManifest) -> Orders {
    let body = PrincipalCandidate {
        signed_manifest: Base64Bytes(signed.encode_to_vec()),
    };
    Orders::default().answers(move |asked, answer| {
        if asked.path == paths::PRINCIPAL_LOOKUP {
            answer.status = StatusCode::OK;
            answer.body = serde_json::to_vec(&body).unwrap().into();
        }
    })
}

/// Whoever is looked up has Mallory's keys.
fn mallorys_keys(scene: &Scene) -> Orders {
    let mallory = &scene.mallory;
    candidate(mallory.manifest.sign(&mallory.key))
}

/// A person's manifest with these keys.
fn manifest(signing_key: Vec<u8>, hpke_key: Vec<u8>) -> Bytes {
    let manifest = PrincipalManifest {
        version: 1,
        kind: 1,
        signing_key: signing_key.into(),
        hpke_key: hpke_key.into(),
    };
    manifest.encode_to_vec().into()
}

async fn substituted(scene: &Scene) -> Shown {
    scene.relay.misbehave(mallorys_keys(scene));
    let bob = scene.device().await;
    let contacts = bob.sdk().contacts();
    let carol = Fingerprint::of(&scene.carol.account().principal_id).to_string();
    let met = patiently(async {
        contacts.look_up("carol").await?;
        // As Carol reads it out.
        contacts.confirm("carol", &carol).await
    });
    alarmed(met.await)
}

async fn weak_hpke(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    // The X25519 key is the last 32 bytes: 0, 1 (order 1), a point of order 8, and 2^255 - 18, which is 1 written otherwise.
    let of_order_8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
    let not_canonical = "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    let point = |text: &str| -> Vec<u8> {
        let digits: Vec<_> = text.as_bytes().chunks(2).collect();
        let byte = |digits: &&[u8]| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        digits.iter().map(byte).collect()
    };
    let honest = scene.carols_card.manifest().hpke_key().clone();
    let with_point = |point: &[u8]| {
        let mut key = honest.to_vec();
        let at = key.len() - 32;
        key[at..].copy_from_slice(point);
        key
    };
    let keys = [
        ("nothing but zeros", vec![0; limits::HPKE_KEY]),
        ("X25519: 0", with_point(&[0; 32])),
        ("X25519: of order 8", with_point(&point(of_order_8))),
        ("X25519: not canonical", with_point(&point(not_canonical))),
        (
            "ML-KEM: not reduced",
            [
                vec![0xff; limits::HPKE_KEY - 32],
                honest[limits::HPKE_KEY - 32..].to_vec(),
            ]
            .concat(),
        ),
        ("cut", honest[..limits::HPKE_KEY - 1].to_vec()),
    ];
    for (form, hpke_key) in keys {
        let key = &scene.mallory.key;
        let manifest = manifest(key.verifying_key().to_bytes().to_vec(), hpke_key);
        let signature = sign(key, Label::MANIFEST, &[&manifest]).to_vec().into();
        scene
            .relay
            .misbehave(candidate(SignedManifest { manifest, signature }));
        let bob = scene.device().await;
        let contacts = bob.sdk().contacts();
        forms.add(form, alarmed(patiently(contacts.look_up("nobody-yet")).await))?;
    }
    forms.shown()
}

async fn weak_signature(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    let garden = scene.garden().await;
    let malleable = page_of(scene, &garden, |page| {
        let event = event(page, Garden::LAST);
        event.signature = not_reduced(&event.signature);
    });
    forms.add("S at or above the order", malleable.await)?;
    let neutral = page_of(scene, &garden, |page| {
        // R of order 1 and S of 0 hold for a key of low order.
        let mut zero = vec![0; 64];
        zero[0] = 1;
        event(page, Garden::LAST).signature = zero.into();
    });
    forms.add("R of low order", neutral.await)?;
    if scene.victim == Victim::Sdk {
        // The key of order 1: every signature of the form above would hold.
        let mut low = vec![0; 32];
        low[0] = 1;
        let hpke_key = scene.mallory.manifest.hpke_key().to_vec();
        scene.relay.misbehave(candidate(SignedManifest {
            manifest: manifest(low.clone(), hpke_key),
            signature: [low, vec![0; 32]].concat().into(),
        }));
        let bob = scene.device().await;
        let met = patiently(bob.sdk().contacts().look_up("nobody-yet")).await;
        forms.add("a key of low order", alarmed(met))?;
    }
    forms.shown()
}

async fn other_label(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    let garden = scene.garden().await;
    let of_a_record = page_of(scene, &garden, |page| {
        let signature = record(page, Garden::ADDED).signature.clone();
        event(page, Garden::LAST).signature = signature;
    });
    forms.add("a record's on an event", of_a_record.await)?;
    let of_an_event = page_of(scene, &garden, |page| {
        let signature = event(page, Garden::LAST).signature.clone();
        record(page, Garden::ADDED).signature = signature;
    });
    forms.add("an event's on a record", of_an_event.await)?;
    let mallory = scene.mallory.clone();
    let of_a_manifest = page_of(scene, &garden, move |page| {
        let header = event(page, Garden::LAST).header.clone();
        let signature = sign(&mallory.key, Label::MANIFEST, &[&header]);
        event(page, Garden::LAST).signature = signature.to_vec().into();
    });
    forms.add("a manifest's on an event", of_a_manifest.await)?;
    forms.shown()
}

async fn other_id(scene: &Scene) -> Shown {
    page(scene, |page| {
        let mut header = crate::forgery::header(&page.entries[Garden::LAST]);
        header.principal_id = PrincipalId::new(header.key_id.as_bytes().to_owned());
        event(page, Garden::LAST).header = header.encode();
    })
    .await
}

async fn changed(scene: &Scene) -> Shown {
    scene.relay.misbehave(mallorys_keys(scene));
    let bob = scene.device().await;
    let contacts = bob.sdk().contacts();
    let mut forms = Forms::default();
    forms.add("looked up", alarmed(patiently(contacts.look_up("alice")).await))?;
    forms.add("asked for", alarmed(patiently(contacts.confirmed("alice")).await))?;
    forms.shown()
}

/// What others call account recovery: there is no code that would take it.
async fn escrow(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&asked);
    scene
        .relay
        .misbehave(Orders::default().answers(move |asked, answer| {
            if asked.method != "GET" {
                heard.lock().unwrap().push(asked.path.clone());
            }
            edit(answer, &mut |value| {
                if let Some(members) = value.as_object_mut() {
                    members.insert("recovery_public_key".to_owned(), json!("AAAA"));
                    members.insert(
                        "policies".to_owned(),
                        json!([{"type": "reset_password", "auto_enroll": true}]),
                    );
                }
            });
        }));
    if let Err(failure) = scene.log_in().await {
        return Err(super::said(&failure));
    }
    let mut bob = scene.device().await;
    let shown = unharmed(bob.read(garden.id, SAID.len()).await, &SAID)?;
    let asked = asked.lock().unwrap();
    let login = |path: &&String| !path.starts_with("/v1/login");
    match asked.iter().find(login) {
        None => Ok(shown),
        Some(path) => Err(format!("the client sent something to {path}")),
    }
}

async fn other_opaque_key(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    scene.relay.misbehave(orders::other_opaque_key());
    forms.add(
        "at the first login",
        refused(
            scene.log_in().await,
            &[
                "integrity",
                "not_authenticated",
                "pin_mismatch",
                "login_failed",
                "cannot_open",
            ],
        ),
    )?;
    if scene.victim == Victim::Sdk {
        let again = scene.log_in_again(scene.copied_home()).await;
        forms.add(
            "at a device that knows it",
            refused(again.map(drop), &["integrity"]),
        )?;
    }
    forms.shown()
}

/// Bytes that no honest run of this suite gives: the proof of the passphrase must not be sent.
async fn other_suite(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    for (form, at) in [
        ("another point", 0_usize),
        ("another key", 40),
        ("another envelope", 200),
    ] {
        let proven = Arc::new(Mutex::new(false));
        let sent = Arc::clone(&proven);
        scene
            .relay
            .misbehave(Orders::default().answers(move |asked, answer| {
                if asked.path == paths::LOGIN_FINISH {
                    *sent.lock().unwrap() = true;
                }
                if asked.path == paths::LOGIN_START {
                    edit(answer, &mut |value| {
                        let bytes: Base64Bytes =
                            serde_json::from_value(value["credential_response"].clone()).unwrap();
                        let mut bytes = bytes.0;
                        bytes[at] ^= 1;
                        value["credential_response"] = serde_json::to_value(Base64Bytes(bytes)).unwrap();
                    });
                }
            }));
        forms.add(form, alarmed(scene.log_in().await))?;
        if *proven.lock().unwrap() {
            return Err(format!("{form}: the proof of the passphrase was sent"));
        }
    }
    forms.shown()
}

async fn challenged(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    let mut forms = Forms::default();
    for (form, length) in [("empty", 0), ("a byte short", 31), ("as long as a message", 4096)] {
        let signed = Arc::new(Mutex::new(false));
        let heard = Arc::clone(&signed);
        let orders = nonce(vec![7; length].into()).requests(move |frame| {
            *heard.lock().unwrap() |= matches!(frame.body, Some(Ask::Authenticate(_)));
            None
        });
        scene.relay.misbehave(orders);
        let _nothing = scene.device().await.read_in_vain(garden.id).await;
        if *signed.lock().unwrap() {
            return Err(format!("{form}: it was signed"));
        }
        forms.add(form, Ok("a nonce of another length is not signed".to_owned()))?;
    }
    // One that is the hash of an event: what is signed is no signature on that, nor a proof for another relay.
    let proof = Arc::<Mutex<Option<sealpost_protocol::wire::Authenticate>>>::default();
    let heard = Arc::clone(&proof);
    let chosen = Bytes::from_static(&[0x5a; 32]);
    let (told, frames) = (chosen.clone(), nonce(chosen));
    scene.relay.misbehave(frames.requests(move |frame| {
        if let Some(Ask::Authenticate(authenticate)) = &frame.body {
            *heard.lock().unwrap() = Some(authenticate.clone());
        }
        None
    }));
    // The honest relay has asked something else, so that it lets nobody in.
    let _shut_out = scene.device().await.read_in_vain(garden.id).await;
    let proof = proof.lock().unwrap().take().ok_or("nothing was signed")?;
    let principal = PrincipalId::try_from(&proof.principal_id[..]).unwrap();
    let key = scene.bob.manifest().signing_key();
    let (session, writer) = (
        proof.session_id[..].try_into().unwrap(),
        proof.writer_id[..].try_into().unwrap(),
    );
    let proves = |origin: &str| {
        let proof_of = SocketProof {
            origin,
            nonce: &told,
            principal_id: &principal,
            session_id: &session,
            writer_id: &writer,
        };
        proof_of.verify(key, &proof.signature).is_ok()
    };
    let here = format!("http://{}", scene.relay.address());
    if !proves(&here) || proves("https://relay.example.org") {
        return Err("the proof does not name this relay".to_owned());
    }
    let labels = [Label::EVENT, Label::CONTROL, Label::MANIFEST];
    if labels
        .iter()
        .any(|label| key.verify(*label, &[&told], &proof.signature).is_ok())
    {
        return Err("the proof holds for another kind of message".to_owned());
    }
    forms.add(
        "a hash of the relay's choice",
        Ok("what is signed holds for this relay and this kind alone".to_owned()),
    )?;
    forms.shown()
}
