//! `vectors/keystore.json`: keystores that open, and keystores with one fault each.

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::ids::{AccountId, EventId, PrincipalId, Root, SpaceId};
use sealpost_protocol::padding;
use sealpost_protocol::root::Cursor;
use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::keystore::content::VerifiedPlace;
use crate::keystore::format::{self, CommittedBox, KeystoreContent};
use crate::keystore::sealed::content_context_of;
use crate::keystore::slot::SlotKind;
use crate::keystore::testing::ACCOUNT;
use crate::keystore::{
    Content, DeviceSecret, KnownContact, KnownSpace, RecoveryCode, RelayPin, SealedKeystore, SlotKey,
    committed,
};
use crate::secret::SecretKey;
use crate::testing::counting::Counting;

const FILE: &str = "vectors/keystore.json";
const EXPORT_KEY: [u8; 64] = [0x40; 64];
const OTHER_ACCOUNT: AccountId = AccountId::new([0x99; 16]);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Vectors {
    about: String,
    account_id: String,
    export_key: String,
    recovery_code: String,
    /// Public Ed25519 key that the recovery code derives.
    recovery_login_key: String,
    passphrase_slot_key: String,
    recovery_slot_key: String,
    device_secret: String,
    passphrase_device_slot_key: String,
    open: Vec<Case>,
    /// Opens with the export key and the device secret, or with the recovery code; not with the export key alone.
    open_with_device_secret: Vec<Case>,
    refuse: Vec<Case>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Case {
    name: String,
    keystore: String,
    /// The plaintext of the content, where the keystore opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

fn recovery_code() -> RecoveryCode {
    RecoveryCode::generate(&mut Counting(0))
}

fn passphrase_key(account_id: AccountId) -> SlotKey {
    SlotKey::derive(SlotKind::Passphrase, &EXPORT_KEY, account_id)
}

fn device_secret() -> DeviceSecret {
    DeviceSecret::generate(&mut Counting(0xd0))
}

fn device_key(account_id: AccountId) -> SlotKey {
    SlotKey::of_passphrase(&EXPORT_KEY, Some(&device_secret()), account_id)
}

/// A keystore whose passphrase slot needs the device secret.
fn with_device_secret() -> (SealedKeystore, Content) {
    let mut content = full_content();
    content.device_secret = Some(device_secret());
    let lost = content.spaces.get_mut(&SpaceId::new([2; 32])).unwrap();
    lost.lost_with = Some(PrincipalId::new([0xa0; 32]));
    let (passphrase, recovery) = (device_key(ACCOUNT), recovery_key(ACCOUNT));
    let sealed = SealedKeystore::create(ACCOUNT, &content, &passphrase, &recovery, &mut Counting(0x20));
    (sealed, content)
}

fn recovery_key(account_id: AccountId) -> SlotKey {
    SlotKey::from_recovery_code(&recovery_code(), account_id)
}

fn small_content() -> Content {
    let relay = RelayPin {
        opaque_public_key: [0x0a; 32],
        ksf: sealpost_opaque::ksf::FLOOR,
    };
    let identity = Identity::from_seeds(SecretKey::from([0x51; 32]), SecretKey::from([0x52; 32]));
    Content::new(identity, relay)
}

pub(super) fn full_content() -> Content {
    let mut content = small_content();
    let place = VerifiedPlace {
        control_index: 2,
        control_head: EventId::new([0xc0; 32]),
        cursor: Cursor {
            seq: 300,
            root: Root::new([0x70; 32]),
        },
    };
    for (id, name, verified) in [(0x01, "garden", Some(place)), (0x02, "Küche", None)] {
        let name = name.to_owned();
        content.spaces.insert(
            SpaceId::new([id; 32]),
            KnownSpace {
                name,
                verified,
                lost_with: None,
                waits_for_approval: false,
            },
        );
    }
    let contact = KnownContact {
        handle: "bob".to_owned(),
        confirmed_at_ms: 1_790_000_000_000,
    };
    content.contacts.insert(PrincipalId::new([0xb0; 32]), contact);
    content
}

fn seal(account_id: AccountId, content: &Content) -> SealedKeystore {
    let (passphrase, recovery) = (passphrase_key(account_id), recovery_key(account_id));
    SealedKeystore::create(account_id, content, &passphrase, &recovery, &mut Counting(0x20))
}

fn next(sealed: &SealedKeystore) -> SealedKeystore {
    let opened = sealed.open(&passphrase_key(ACCOUNT)).unwrap();
    sealed.with_content(&opened.root_key, &opened.content, &mut Counting(0x77))
}

fn wire(sealed: &SealedKeystore) -> format::SealedKeystore {
    format::SealedKeystore::decode(Bytes::from(sealed.to_bytes())).unwrap()
}

/// Seals content bytes that no encoder writes, with everything round them right.
fn seal_plaintext(padded: &[u8]) -> format::SealedKeystore {
    let sealed = seal(ACCOUNT, &small_content());
    let opened = sealed.open(&passphrase_key(ACCOUNT)).unwrap();
    let mut wire = wire(&sealed);
    let context = content_context_of(&sealed);
    wire.content = Some(committed::seal(
        &opened.root_key,
        &context,
        padded,
        &mut Counting(0x33),
    ));
    wire
}

fn seal_content(change: impl FnOnce(&mut KeystoreContent)) -> format::SealedKeystore {
    let mut content = KeystoreContent::decode(&full_content().encode()[..]).unwrap();
    change(&mut content);
    seal_plaintext(&padding::pad(&content.encode_to_vec()))
}

fn changed(change: impl FnOnce(&mut format::SealedKeystore)) -> format::SealedKeystore {
    let mut wire = wire(&seal(ACCOUNT, &full_content()));
    change(&mut wire);
    wire
}

fn slot(wire: &mut format::SealedKeystore) -> &mut CommittedBox {
    wire.passphrase_slot.as_mut().unwrap()
}

fn content(wire: &mut format::SealedKeystore) -> &mut CommittedBox {
    wire.content.as_mut().unwrap()
}

/// The ciphertext of one key with the commitment of another: what opens under two keys, were it not for the commitment.
fn salamander() -> format::SealedKeystore {
    let other = SlotKey::derive(SlotKind::Passphrase, &[0x41; 64], ACCOUNT);
    let opened = seal(ACCOUNT, &full_content())
        .open(&passphrase_key(ACCOUNT))
        .unwrap();
    let foreign = other.seal(&opened.root_key, &mut Counting(0x20));
    changed(|wire| slot(wire).commitment = foreign.commitment)
}

fn faults() -> Vec<(&'static str, Vec<u8>)> {
    let messages = [
        ("version 0", changed(|wire| wire.version = 0)),
        ("version 2", changed(|wire| wire.version = 2)),
        (
            "another account's id in the header",
            changed(|wire| wire.account_id = OTHER_ACCOUNT.as_bytes().to_vec()),
        ),
        (
            "account id of 15 bytes",
            changed(|wire| wire.account_id.truncate(15)),
        ),
        (
            "keystore of another account",
            wire(&seal(OTHER_ACCOUNT, &full_content())),
        ),
        ("generation 0", changed(|wire| wire.generation = 0)),
        (
            "generation raised in the header",
            changed(|wire| wire.generation += 1),
        ),
        (
            "content of the next generation",
            changed(|old| old.content = wire(&next(&seal(ACCOUNT, &full_content()))).content),
        ),
        ("no passphrase slot", changed(|wire| wire.passphrase_slot = None)),
        ("no recovery slot", changed(|wire| wire.recovery_slot = None)),
        ("no content", changed(|wire| wire.content = None)),
        (
            "slots swapped",
            changed(|wire| std::mem::swap(&mut wire.passphrase_slot, &mut wire.recovery_slot)),
        ),
        (
            "slot: bit flipped in the salt",
            changed(|wire| slot(wire).salt[0] ^= 1),
        ),
        (
            "slot: bit flipped in the commitment",
            changed(|wire| slot(wire).commitment[31] ^= 0x80),
        ),
        (
            "slot: bit flipped in the nonce",
            changed(|wire| slot(wire).nonce[0] ^= 1),
        ),
        (
            "slot: bit flipped in the ciphertext",
            changed(|wire| slot(wire).ciphertext[0] ^= 1),
        ),
        (
            "slot: bit flipped in the tag",
            changed(|wire| slot(wire).ciphertext[47] ^= 1),
        ),
        (
            "slot: salt of 31 bytes",
            changed(|wire| slot(wire).salt.truncate(31)),
        ),
        (
            "slot: nonce of 12 bytes",
            changed(|wire| slot(wire).nonce.truncate(12)),
        ),
        (
            "slot: commitment missing",
            changed(|wire| slot(wire).commitment.clear()),
        ),
        ("slot: commitment of another key (salamander)", salamander()),
        (
            "other slot: bit flipped in its salt",
            changed(|wire| wire.recovery_slot.as_mut().unwrap().salt[0] ^= 1),
        ),
        (
            "content: bit flipped in the salt",
            changed(|wire| content(wire).salt[0] ^= 1),
        ),
        (
            "content: bit flipped in the commitment",
            changed(|wire| content(wire).commitment[0] ^= 1),
        ),
        (
            "content: bit flipped in the nonce",
            changed(|wire| content(wire).nonce[23] ^= 1),
        ),
        (
            "content: bit flipped in the ciphertext",
            changed(|wire| content(wire).ciphertext[100] ^= 1),
        ),
        (
            "content: last byte cut",
            changed(|wire| {
                content(wire).ciphertext.pop();
            }),
        ),
        ("content: padding not zero", seal_plaintext(&with_dirty_padding())),
        (
            "content: padding longer than an encoder writes",
            seal_plaintext(&[padding::pad(&small_content().encode()), vec![0; 64]].concat()),
        ),
        ("content: empty", seal_plaintext(&padding::pad(&[]))),
        (
            "content: unknown field",
            seal_plaintext(&padding::pad(
                &[&small_content().encode()[..], &[0x78, 1]].concat(),
            )),
        ),
        (
            "content: signing seed of 31 bytes",
            seal_content(|content| content.signing_seed.truncate(31)),
        ),
        (
            "content: no HPKE seed",
            seal_content(|content| content.hpke_seed.clear()),
        ),
        (
            "content: no relay pin",
            seal_content(|content| content.relay = None),
        ),
        (
            "content: spaces out of order",
            seal_content(|content| content.spaces.reverse()),
        ),
        (
            "content: one space twice",
            seal_content(|content| content.spaces[1] = content.spaces[0].clone()),
        ),
        (
            "content: space id of 33 bytes",
            seal_content(|content| content.spaces[1].space_id.push(0)),
        ),
        (
            "content: verified place without a root",
            seal_content(|content| content.spaces[0].root.clear()),
        ),
        (
            "content: root without a control index",
            seal_content(|content| content.spaces[0].control_index = 0),
        ),
        (
            "content: contact id of 16 bytes",
            seal_content(|content| content.contacts[0].principal_id.truncate(16)),
        ),
        (
            "content: lost with a principal id of 31 bytes",
            seal_content(|content| content.spaces[0].lost_with = vec![1; 31]),
        ),
        (
            "content: device secret of 15 bytes",
            seal_content(|content| content.device_secret = vec![1; 15]),
        ),
        (
            "passphrase slot of kind 2",
            changed(|wire| wire.passphrase_slot_kind = 2),
        ),
    ];
    let whole = seal(ACCOUNT, &full_content()).to_bytes();
    let encodings = [
        ("empty", vec![]),
        ("last byte cut", whole[..whole.len() - 1].to_vec()),
        ("unknown field", [&whole[..], &[0x78, 1]].concat()),
        ("version twice", [&[0x08, 1], &whole[..]].concat()),
        (
            "version as a padded varint",
            [&[0x08, 0x81, 0x00], &whole[2..]].concat(),
        ),
    ];
    messages
        .into_iter()
        .map(|(name, message)| (name, message.encode_to_vec()))
        .chain(encodings)
        .collect()
}

fn with_dirty_padding() -> Vec<u8> {
    let mut padded = padding::pad(&small_content().encode());
    *padded.last_mut().unwrap() = 1;
    padded
}

fn build() -> Vectors {
    let opening = |name: &str, sealed: SealedKeystore, content: Content| Case {
        name: name.to_owned(),
        keystore: hex::encode(sealed.to_bytes()),
        content: Some(hex::encode(content.encode())),
    };
    let refused = |(name, bytes): (&str, Vec<u8>)| Case {
        name: name.to_owned(),
        keystore: hex::encode(bytes),
        content: None,
    };
    let first = seal(ACCOUNT, &full_content());
    Vectors {
        about: "Sealed keystores. `open`: both the export key and the recovery code open it and give the content. \
                `refuse`: one fault each; neither opens it."
            .to_owned(),
        account_id: ACCOUNT.to_string(),
        export_key: hex::encode(EXPORT_KEY),
        recovery_code: (*recovery_code().expose_text()).clone(),
        recovery_login_key: hex::encode(recovery_code().login_key().verifying_key().as_bytes()),
        passphrase_slot_key: hex::encode(passphrase_key(ACCOUNT).expose_key().expose_bytes()),
        recovery_slot_key: hex::encode(recovery_key(ACCOUNT).expose_key().expose_bytes()),
        device_secret: (*device_secret().expose_text()).clone(),
        passphrase_device_slot_key: hex::encode(device_key(ACCOUNT).expose_key().expose_bytes()),
        open_with_device_secret: vec![opening(
            "device secret, and a lost space",
            with_device_secret().0,
            with_device_secret().1,
        )],
        open: vec![
            opening("new account", seal(ACCOUNT, &small_content()), small_content()),
            opening("spaces and a contact", first.clone(), full_content()),
            opening("second generation", next(&first), full_content()),
        ],
        refuse: faults().into_iter().map(refused).collect(),
    }
}

fn read() -> Vectors {
    serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap()
}

#[test]
#[ignore = "rewrites the vectors"]
fn write_keystore_vectors() {
    let text = serde_json::to_string_pretty(&build()).unwrap();
    std::fs::write(FILE, text + "\n").unwrap();
}

#[test]
fn keystore_vectors_are_what_this_code_makes() {
    assert_eq!(read(), build());
}

#[test]
fn keystore_vectors_open_by_either_slot() {
    let vectors = read();
    let account_id: AccountId = vectors.account_id.parse().unwrap();
    let export_key = hex::decode(&vectors.export_key).unwrap();
    let code = RecoveryCode::parse(&vectors.recovery_code).unwrap();
    let keys = [
        SlotKey::derive(SlotKind::Passphrase, &export_key, account_id),
        SlotKey::from_recovery_code(&code, account_id),
    ];
    for case in &vectors.open {
        let sealed = SealedKeystore::parse(&hex::decode(&case.keystore).unwrap()).unwrap();
        for key in &keys {
            let content = sealed.open(key).unwrap().content.encode();
            assert_eq!(Some(hex::encode(content)), case.content, "{}", case.name);
        }
    }
}

#[test]
fn keystore_vectors_with_a_device_secret_open_with_it_only() {
    let vectors = read();
    let secret = DeviceSecret::parse(&vectors.device_secret).unwrap();
    let with = SlotKey::of_passphrase(&EXPORT_KEY, Some(&secret), ACCOUNT);
    assert_eq!(
        hex::encode(with.expose_key().expose_bytes()),
        vectors.passphrase_device_slot_key
    );
    for case in &vectors.open_with_device_secret {
        let sealed = SealedKeystore::parse(&hex::decode(&case.keystore).unwrap()).unwrap();
        for key in [&with, &recovery_key(ACCOUNT)] {
            let content = sealed.open(key).unwrap().content.encode();
            assert_eq!(Some(hex::encode(content)), case.content, "{}", case.name);
        }
        assert!(sealed.open(&passphrase_key(ACCOUNT)).is_err());
        assert!(sealed.marked_as_plain().open(&passphrase_key(ACCOUNT)).is_err());
    }
}

#[test]
fn keystore_vectors_with_one_fault_are_refused_by_either_slot() {
    for case in read().refuse {
        let bytes = hex::decode(&case.keystore).unwrap();
        for key in [passphrase_key(ACCOUNT), recovery_key(ACCOUNT)] {
            let opened = SealedKeystore::parse(&bytes).and_then(|sealed| sealed.open(&key));
            assert!(opened.is_err(), "{}", case.name);
        }
    }
}
