//! Ways into parsers that are private to this crate, for its fuzz targets (crate `fuzz`). No part of the interface.

use bytes::Bytes;
use sealpost_opaque::ksf::FLOOR;
use sealpost_protocol::ids::AccountId;
use sealpost_protocol::padding::unpad;

use crate::account::{a_grant, judge_approval};
use crate::identity::Identity;
use crate::keystore::{Content, RecoveryCode, RelayPin, SealedKeystore, SlotKey};
use crate::{contacts, content, entropy};

/// Judges bytes as a sealed keystore, and as the plaintext of one.
pub fn keystore(bytes: &[u8]) {
    if let Ok(sealed) = SealedKeystore::parse(bytes) {
        assert_eq!(sealed.to_bytes(), bytes, "a keystore has one encoding");
        let code = RecoveryCode::generate(&mut entropy::system());
        let slot = SlotKey::from_recovery_code(&code, sealed.account_id());
        assert!(sealed.open(&slot).is_err(), "a fresh code opens nothing");
    }
    if let Some(content) = Content::decode(bytes) {
        assert_eq!(&content.encode()[..], bytes, "content has one encoding");
    }
}

/// A well-formed keystore, and the plaintext of one.
#[must_use]
pub fn keystores() -> Vec<Vec<u8>> {
    let rng = &mut entropy::system();
    let account_id = AccountId::new([3; 16]);
    let relay = RelayPin {
        opaque_public_key: [4; 32],
        ksf: FLOOR,
    };
    let content = Content::new(Identity::generate(rng), relay);
    let code = RecoveryCode::generate(rng);
    let slot = SlotKey::from_recovery_code(&code, account_id);
    let sealed = SealedKeystore::create(account_id, &content, &slot, &slot, rng);
    vec![sealed.to_bytes(), content.encode().to_vec()]
}

/// Judges bytes as what decrypting an event gives.
pub fn content(bytes: &[u8]) {
    drop(content::decode(Bytes::copy_from_slice(bytes)));
    if let Ok(plaintext) = unpad(bytes) {
        drop(content::decode(Bytes::copy_from_slice(plaintext)));
    }
}

/// Judges text as a contact card.
pub fn contact_card(text: &str) {
    if let Ok((handle, manifest)) = contacts::read_card(text) {
        let again = contacts::read_card(&contacts::write_card(&handle, &manifest));
        assert_eq!(
            again.ok(),
            Some((handle, manifest)),
            "a card survives its writing"
        );
    }
}

/// A well-formed contact card.
#[must_use]
pub fn a_contact_card() -> String {
    contacts::write_card(
        "bob",
        &Identity::generate(&mut entropy::system()).signed_manifest(),
    )
}

/// A well-formed recovery code.
#[must_use]
pub fn a_recovery_code() -> String {
    RecoveryCode::generate(&mut entropy::system())
        .expose_text()
        .to_string()
}

/// Judges bytes as the plaintext of an approval.
pub fn approval(bytes: &[u8]) {
    judge_approval(bytes);
}

/// A well-formed plaintext of an approval.
#[must_use]
pub fn approvals() -> Vec<Vec<u8>> {
    vec![a_grant()]
}
