use bytes::Bytes;
use prost::Message;
use sealpost_protocol::agent::sign_agent_login;
use sealpost_protocol::canonical::encode;
use sealpost_protocol::hash::Label;
use sealpost_protocol::ids::{KeyId, SessionId, SpaceId, WriterId};
use sealpost_protocol::keys::sign;
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Fingerprint;
use sealpost_protocol::recovery::sign_recovery_login;
use sealpost_protocol::signal::{SignalHeader, sign_signal};
use sealpost_protocol::socket::SocketProof;
use sealpost_protocol::wire::{self, PrincipalKind, client_frame, relay_frame};
use serde_json::{Value, json};

use super::File;
use super::people::Person;

const ORIGIN: &str = "https://relay.example.org";

pub fn canonical() -> File {
    let remove = encode(&wire::RemoveMember {
        principal_id: Bytes::from_static(&[7; 32]),
    });
    let rekey = encode(&wire::Rekey {
        epoch: 300,
        key_id: Bytes::from_static(&[1; 2]),
        wraps_digest: Bytes::from_static(&[2; 2]),
        wrap_count: 1,
        sealed_previous: Bytes::new(),
    });
    let vector = |message: &str, bytes: &[u8], valid: bool, why: &str| json!({ "why": why, "message": message, "bytes": hex::encode(bytes), "valid": valid });
    let (key_id, rest) = (&rekey[3..7], [&rekey[..3], &rekey[7..]].concat());
    let vectors = vec![
        vector("RemoveMember", &remove, true, "one field"),
        vector(
            "Rekey",
            &rekey,
            true,
            "fields in ascending order, an empty one left out",
        ),
        vector("Rekey", &[], true, "a message of defaults is empty"),
        vector(
            "RemoveMember",
            &[&remove[..], &[0x78, 1]].concat(),
            false,
            "a field that does not exist",
        ),
        vector(
            "RemoveMember",
            &[&remove[..], &remove].concat(),
            false,
            "a field given twice",
        ),
        vector(
            "Rekey",
            &[&rest[..], key_id].concat(),
            false,
            "fields out of order",
        ),
        vector(
            "Rekey",
            &[0x08, 0x81, 0x00],
            false,
            "a varint longer than it must be",
        ),
        vector("Rekey", &[0x08, 0x00], false, "a default written out"),
        vector("Rekey", &[0x12, 0x00], false, "an empty field written out"),
        vector("RemoveMember", &remove[..33], false, "cut short"),
        vector(
            "RemoveMember",
            &[&remove[..], &[0]].concat(),
            false,
            "a byte too many",
        ),
        vector(
            "Rekey",
            &[0x0d, 1, 0, 0, 0],
            false,
            "a field of another wire type",
        ),
        vector(
            "Rekey",
            &[0x88, 0x00, 0x01],
            false,
            "a field key longer than it must be",
        ),
    ];
    (
        "Encodings of signed messages: decoders refuse all but the one that an encoder writes.",
        vectors,
    )
}

pub fn manifest() -> File {
    let alice = Person::alice();
    let signed = alice.manifest.sign(&alice.key);
    let with = |change: &dyn Fn(&mut wire::PrincipalManifest)| {
        let mut manifest = wire::PrincipalManifest::decode(signed.manifest.clone()).expect("our own");
        change(&mut manifest);
        let manifest = encode(&manifest);
        let signature = sign(&alice.key, Label::MANIFEST, &[&manifest]);
        wire::SignedManifest {
            manifest,
            signature: Bytes::copy_from_slice(&signature),
        }
    };
    let refused = |signed: wire::SignedManifest, why: &str| signed_manifest(&signed, None, why);
    let agent = Person::agent();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut other = signed.clone();
    other.signature = Bytes::copy_from_slice(&sign(&Person::bob().key, Label::MANIFEST, &[&signed.manifest]));
    let mut relabelled = signed.clone();
    relabelled.signature = Bytes::copy_from_slice(&sign(&alice.key, Label::EVENT, &[&signed.manifest]));
    let mut trailing = signed.clone();
    trailing.manifest = [&signed.manifest[..], &[0x78, 1]].concat().into();
    let vectors = vec![
        signed_manifest(&signed, Some(&alice), "a human"),
        signed_manifest(&agent.manifest.sign(&agent.key), Some(&agent), "an agent"),
        refused(other, "signed by another key"),
        refused(relabelled, "signed under another label"),
        refused(trailing, "a field that does not exist"),
        refused(with(&|manifest| manifest.version = 0), "version 0"),
        refused(with(&|manifest| manifest.version = 2), "version 2"),
        refused(with(&|manifest| manifest.kind = 0), "no kind"),
        refused(with(&|manifest| manifest.kind = 3), "an unknown kind"),
        refused(
            with(&|manifest| manifest.hpke_key = vec![1; limits::HPKE_KEY - 1].into()),
            "an HPKE key one byte short",
        ),
        refused(
            with(&|manifest| manifest.signing_key = vec![1; 31].into()),
            "a signing key one byte short",
        ),
        refused(
            wire::SignedManifest {
                signature: [identity, [0; 32]].concat().into(),
                ..with(&|manifest| manifest.signing_key = Bytes::copy_from_slice(&identity))
            },
            "a signing key of small order, under which this signature would verify for any manifest",
        ),
    ];
    (
        "Signed manifests; `principal_id` null: a decoder refuses them.",
        vectors,
    )
}

fn signed_manifest(signed: &wire::SignedManifest, person: Option<&Person>, why: &str) -> Value {
    json!({
        "why": why,
        "signed_manifest": hex::encode(signed.encode_to_vec()),
        "principal_id": person.map(|person| person.id().to_string()),
        "fingerprint": person.map(|person| Fingerprint::of(&person.id()).to_string()),
        "words": person.map(|person| Fingerprint::of(&person.id()).words()),
        "kind": person.map(|person| match person.manifest.kind() {
            PrincipalKind::Agent => "agent",
            _ => "human",
        }),
    })
}

pub fn agent() -> File {
    let (agent, challenge) = (Person::agent(), [0xc4; 32]);
    let vector = |origin: &str, challenge: [u8; 32], signature: [u8; 64], valid: bool, why: &str| {
        json!({
            "why": why,
            "origin": origin,
            "challenge": hex::encode(challenge),
            "public_key": hex::encode(agent.public_key().as_bytes()),
            "signature": hex::encode(signature),
            "valid": valid,
        })
    };
    let honest = sign_agent_login(&agent.key, ORIGIN, &challenge);
    let recovery = sign_recovery_login(&agent.key, ORIGIN, &challenge);
    let others = sign_agent_login(&Person::alice().key, ORIGIN, &challenge);
    let vectors = vec![
        vector(ORIGIN, challenge, honest, true, "an honest login"),
        vector(
            "https://evil.example",
            challenge,
            honest,
            false,
            "passed on to another origin",
        ),
        vector(ORIGIN, [0xc5; 32], honest, false, "of another challenge"),
        vector(ORIGIN, challenge, others, false, "by another key"),
        vector(
            ORIGIN,
            challenge,
            recovery,
            false,
            "signed under the label of a recovery login",
        ),
    ];
    ("Proofs of an agent's key when it logs in.", vectors)
}

pub fn socket() -> File {
    let alice = Person::alice();
    let (session_id, writer_id) = (SessionId::new([5; 16]), WriterId::new([9; 16]));
    let principal_id = alice.id();
    let proof = SocketProof {
        origin: ORIGIN,
        nonce: &[0xc4; 32],
        principal_id: &principal_id,
        session_id: &session_id,
        writer_id: &writer_id,
    };
    let signature = proof.sign(&alice.key);
    let vector =
        |origin: &str, nonce: [u8; 32], writer: [u8; 16], signature: &[u8], valid: bool, why: &str| {
            json!({
                "why": why,
                "origin": origin,
                "nonce": hex::encode(nonce),
                "principal_id": principal_id.to_string(),
                "session_id": session_id.to_string(),
                "writer_id": hex::encode(writer),
                "public_key": hex::encode(alice.public_key().as_bytes()),
                "signature": hex::encode(signature),
                "valid": valid,
            })
        };
    let (nonce, writer) = ([0xc4; 32], [9; 16]);
    let recovery = sign_recovery_login(&alice.key, ORIGIN, &nonce);
    let vectors = vec![
        vector(ORIGIN, nonce, writer, &signature, true, "an honest proof"),
        vector(
            "https://evil.example",
            nonce,
            writer,
            &signature,
            false,
            "relayed to another origin",
        ),
        vector(
            ORIGIN,
            [0xc5; 32],
            writer,
            &signature,
            false,
            "replayed to another challenge",
        ),
        vector(ORIGIN, nonce, [8; 16], &signature, false, "for another writer"),
        vector(
            ORIGIN,
            nonce,
            writer,
            &recovery,
            false,
            "a recovery login of the same key and challenge",
        ),
        vector(
            ORIGIN,
            nonce,
            writer,
            &signature[..63],
            false,
            "a signature one byte short",
        ),
    ];
    ("Proofs of the principal's key when a socket opens.", vectors)
}

pub fn signal() -> File {
    let alice = Person::alice();
    let header = SignalHeader {
        space_id: SpaceId::new([0x51; 32]),
        epoch: 1,
        key_id: KeyId::new([0x4b; 32]),
        principal_id: alice.id(),
        writer_id: WriterId::new([9; 16]),
        counter: 1,
        nonce: [0x24; limits::NONCE],
    };
    let signed = sign_signal(&header, Bytes::from_static(&[0xcc; 48]), &alice.key);
    let vector = |signal: &wire::SignedSignal, valid: bool, why: &str| {
        json!({
            "why": why,
            "public_key": hex::encode(alice.public_key().as_bytes()),
            "signal": hex::encode(signal.encode_to_vec()),
            "valid": valid,
        })
    };
    let mut changed = signed.clone();
    changed.ciphertext = Bytes::from_static(&[0xcd; 48]);
    let mut relabelled = signed.clone();
    let hash = sealpost_protocol::hash::sha256(&signed.ciphertext);
    relabelled.signature = Bytes::copy_from_slice(&sign(&alice.key, Label::EVENT, &[&signed.header, &hash]));
    let mut padded = signed.clone();
    padded.header = [&signed.header[..], &[0x78, 1]].concat().into();
    let vectors = vec![
        vector(&signed, true, "an honest signal"),
        vector(&changed, false, "another ciphertext"),
        vector(&relabelled, false, "signed as an event"),
        vector(&padded, false, "a header with a field that does not exist"),
    ];
    ("Signed signals.", vectors)
}

pub fn frames() -> File {
    let client = |body: client_frame::Body, why: &str| {
        let frame = wire::ClientFrame {
            request_id: 7,
            body: Some(body),
        };
        json!({ "why": why, "from": "client", "frame": hex::encode(frame.encode_to_vec()) })
    };
    let relay = |request_id: u64, body: relay_frame::Body, why: &str| {
        let frame = wire::RelayFrame {
            request_id,
            body: Some(body),
        };
        json!({ "why": why, "from": "relay", "frame": hex::encode(frame.encode_to_vec()) })
    };
    let space_id = Bytes::from_static(&[0x51; 32]);
    let root = Bytes::from_static(&[0x70; 32]);
    let receipt = Bytes::from_static(&[0x4e; 32]);
    let nack = wire::Nack {
        code: "stale_epoch".to_owned(),
        message: "Read the log through the rekey, seal again under the current epoch.".to_owned(),
        epoch: 3,
        ..wire::Nack::default()
    };
    let vectors = vec![
        relay(
            0,
            relay_frame::Body::Challenge(wire::Challenge {
                nonce: Bytes::from_static(&[0xc4; 32]),
            }),
            "the relay speaks first",
        ),
        client(
            client_frame::Body::Authenticate(wire::Authenticate {
                session_token: Bytes::from_static(&[0x70; 32]),
                session_id: Bytes::from_static(&[5; 16]),
                principal_id: Person::alice().id().to_bytes(),
                writer_id: Bytes::from_static(&[9; 16]),
                signature: Bytes::from_static(&[0x51; 64]),
            }),
            "the client's first frame",
        ),
        relay(
            7,
            relay_frame::Body::Authenticated(wire::Authenticated {
                incarnation: Bytes::from_static(&[1; 16]),
                max_frame_bytes: 262_144,
                ping_interval_ms: 25_000,
            }),
            "the answer carries the request's id",
        ),
        client(
            client_frame::Body::Subscribe(wire::Subscribe {
                space_id: space_id.clone(),
                after_seq: 0,
                after_root: space_id.clone(),
            }),
            "from the beginning: the root of the empty log is the space id",
        ),
        relay(
            7,
            relay_frame::Body::Subscribed(wire::Subscribed {
                head_seq: 4,
                head_root: root.clone(),
                receipt: receipt.clone(),
                recovering: false,
            }),
            "where the log ends now",
        ),
        relay(
            7,
            relay_frame::Body::Page(wire::Page {
                first_seq: 4,
                entries: vec![wire::Entry {
                    kind: Some(wire::entry::Kind::Control(wire::SignedControl {
                        record: Bytes::from_static(b"record"),
                        signature: Bytes::from_static(b"signature"),
                        co_signature: Bytes::new(),
                    })),
                }],
                last_root: root.clone(),
                receipt: receipt.clone(),
            }),
            "a page for the Subscribe with this request id",
        ),
        relay(
            7,
            relay_frame::Body::Published(wire::Published {
                acks: vec![wire::Ack {
                    seq: 5,
                    root: root.clone(),
                    receipt: receipt.clone(),
                    duplicate: true,
                }],
                nack: Some(nack),
            }),
            "one entry acked as a repeat, the next refused",
        ),
        client(
            client_frame::Body::Unsubscribe(wire::Unsubscribe { subscription: 7 }),
            "names the request id of the Subscribe",
        ),
        client(
            client_frame::Body::Heal(wire::Heal {
                space_id,
                entries: Vec::new(),
                last_seq: 9,
                last_root: root.clone(),
                receipt,
            }),
            "without entries: asks how far the relay has this log",
        ),
        relay(
            7,
            relay_frame::Body::Healed(wire::Healed { seq: 4, root }),
            "what follows place 4 is to be brought back",
        ),
    ];
    (
        "Whole frames of both sides, as they stand in a binary WebSocket message. Ids, signatures and entries in them are placeholders.",
        vectors,
    )
}
