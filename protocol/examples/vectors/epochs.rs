use bytes::Bytes;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeS, Serializable};
use prost::Message;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sealpost_protocol::event::EventHeader;
use sealpost_protocol::hash::Label;
use sealpost_protocol::ids::{EventId, KeyId, PrincipalId, Root, SpaceId, WriterId};
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::padding::pad;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, PrincipalKind};
use sealpost_protocol::wrap::{Recipient, epoch_info, history_aad, wrap_hash, wrap_info, wraps_digest};
use serde_json::json;
use sha2::Sha256;

use super::File;
use super::people::Person;

const SPACE: SpaceId = SpaceId::new([0x51; 32]);

fn derive(secret: &[u8], label: Label, epoch: u64) -> [u8; 32] {
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(None, secret)
        .expand(&epoch_info(label, &SPACE, epoch), &mut out)
        .expect("32 bytes are within HKDF's limit");
    out
}

fn seal(key: [u8; 32], nonce: [u8; limits::NONCE], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    XChaCha20Poly1305::new(&Key::from(key))
        .encrypt(&XNonce::from(nonce), Payload { msg, aad })
        .expect("short texts are within the cipher's limit")
}

pub fn epoch() -> File {
    let (first, second) = ([0x11; 32], [0x22; 32]);
    let ids = [
        KeyId::new(derive(&first, Label::KEY_ID, 1)),
        KeyId::new(derive(&second, Label::KEY_ID, 2)),
    ];
    let header = |epoch: u64| EventHeader {
        space_id: SPACE,
        epoch,
        key_id: ids[usize::from(epoch == 2)],
        principal_id: Person::alice().id(),
        writer_id: WriterId::new([9; 16]),
        writer_index: 1,
        previous_event_id: None,
        control_index: 2,
        control_head: EventId::new([0xc0; 32]),
        seen: Cursor {
            seq: 2,
            root: Root::new([0x70; 32]),
        },
        nonce: [0x24; limits::NONCE],
    };
    let content = |first_event_id: Bytes| {
        let message = wire::Message {
            body: Bytes::from_static(b"hello"),
            first_event_id,
            ..wire::Message::default()
        };
        let content = wire::EventContent {
            author_time_ms: 1_795_000_000_000,
            messages: vec![message],
        };
        content.encode_to_vec()
    };
    let (plain, again) = (content(Bytes::new()), content(Bytes::from_static(&[0xe1; 32])));
    let content_keys = [
        derive(&first, Label::CONTENT_KEY, 1),
        derive(&second, Label::CONTENT_KEY, 2),
    ];
    let sealed_content = |key, header: &EventHeader, content: &[u8]| {
        hex::encode(seal(key, header.nonce, &header.encode(), &pad(content)))
    };
    let aad = history_aad(&SPACE, (1, &ids[0]), (2, &ids[1]));
    let history_nonce = [0x48; limits::NONCE];
    let sealed = seal(
        derive(&second, Label::HISTORY_KEY, 2),
        history_nonce,
        &aad,
        &first,
    );
    let vectors = vec![
        json!({
            "why": "the first epoch, and one event sealed under it",
            "space_id": SPACE.to_string(),
            "epoch": 1,
            "secret": hex::encode(first),
            "key_id": ids[0].to_string(),
            "content_key": hex::encode(content_keys[0]),
            "signal_key": hex::encode(derive(&first, Label::SIGNAL_KEY, 1)),
            "history_key": hex::encode(derive(&first, Label::HISTORY_KEY, 1)),
            "header": hex::encode(header(1).encode()),
            "content": hex::encode(&plain),
            "ciphertext": sealed_content(content_keys[0], &header(1), &plain),
        }),
        json!({
            "why": "the second epoch, with the first one's secret sealed under it, and a message that is published again",
            "space_id": SPACE.to_string(),
            "epoch": 2,
            "secret": hex::encode(second),
            "key_id": ids[1].to_string(),
            "content_key": hex::encode(content_keys[1]),
            "signal_key": hex::encode(derive(&second, Label::SIGNAL_KEY, 2)),
            "history_key": hex::encode(derive(&second, Label::HISTORY_KEY, 2)),
            "previous_secret": hex::encode(first),
            "history_aad": hex::encode(aad),
            "sealed_previous": hex::encode([&history_nonce[..], &sealed].concat()),
            "header": hex::encode(header(2).encode()),
            "content": hex::encode(&again),
            "ciphertext": sealed_content(content_keys[1], &header(2), &again),
        }),
    ];
    ("Keys of epochs, sealed content and sealed history.", vectors)
}

pub fn wraps() -> File {
    let secret = [0x11; 32];
    let key_id = KeyId::new(derive(&secret, Label::KEY_ID, 1));
    let mut rng = StdRng::seed_from_u64(1);
    let mut list: Vec<(PrincipalId, [u8; 32])> = Vec::new();
    let mut vectors = Vec::new();
    for (seed, why) in [(0xa1, "Alice's wrap"), (0xb0, "Bob's wrap")] {
        let hpke_seed = [seed; 32];
        let private = <XWing as Kem>::PrivateKey::from_bytes(&hpke_seed).expect("32 bytes are a seed");
        let public = <XWing as Kem>::sk_to_pk(&private);
        let person = Person::new(seed, PrincipalKind::Human);
        let manifest = Manifest::new(PrincipalKind::Human, &person.public_key(), &public.to_bytes())
            .expect("the key has the right length");
        let info = wrap_info(&SPACE, 1, &key_id, &Recipient::from(&manifest));
        let (enc, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Base,
            &public,
            &info,
            &secret,
            &[],
            &mut rng,
        )
        .expect("the key is valid");
        let wrap = [&enc.to_bytes()[..], &sealed].concat();
        list.push((manifest.id(), wrap_hash(&wrap)));
        vectors.push(json!({
            "why": why,
            "space_id": SPACE.to_string(),
            "epoch": 1,
            "key_id": key_id.to_string(),
            "secret": hex::encode(secret),
            "hpke_seed": hex::encode(hpke_seed),
            "manifest": hex::encode(manifest.bytes()),
            "info": hex::encode(info),
            "wrap": hex::encode(&wrap),
            "wrap_hash": hex::encode(wrap_hash(&wrap)),
        }));
    }
    list.sort_unstable();
    vectors.push(json!({
        "why": "the digest of both, sorted by recipient",
        "wraps": list.iter().map(|(id, hash)| json!([id.to_string(), hex::encode(hash)])).collect::<Vec<_>>(),
        "wraps_digest": hex::encode(wraps_digest(&list)),
    }));
    vectors.push(json!({
        "why": "the digest of no wraps",
        "wraps": [],
        "wraps_digest": hex::encode(wraps_digest(&[])),
    }));
    (
        "Wraps of an epoch secret, and the digest that a Rekey record names.",
        vectors,
    )
}
