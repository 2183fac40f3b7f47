use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, Serializable};
use sealpost_protocol::event::EventHeader;
use sealpost_protocol::hash::Label;
use sealpost_protocol::ids::{KeyId, PrincipalId, SpaceId};
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::padding::unpad;
use sealpost_protocol::wrap::{Recipient, epoch_info, history_aad, wrap_hash, wrap_info, wraps_digest};
use serde::Deserialize;
use sha2::Sha256;

use super::files::{Hex, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochVector {
    why: String,
    space_id: SpaceId,
    epoch: u64,
    secret: Hex,
    key_id: KeyId,
    content_key: Hex,
    signal_key: Hex,
    history_key: Hex,
    header: Option<Hex>,
    content: Option<Hex>,
    ciphertext: Option<Hex>,
    previous_secret: Option<Hex>,
    history_aad: Option<Hex>,
    sealed_previous: Option<Hex>,
}

impl EpochVector {
    fn derive(&self, label: Label) -> [u8; 32] {
        let mut out = [0; 32];
        let info = epoch_info(label, &self.space_id, self.epoch);
        Hkdf::<Sha256>::new(None, &self.secret.0)
            .expand(&info, &mut out)
            .unwrap();
        out
    }

    fn check_keys(&self) {
        assert_eq!(
            self.derive(Label::KEY_ID),
            *self.key_id.as_bytes(),
            "{}",
            self.why
        );
        for (label, key) in [
            (Label::CONTENT_KEY, &self.content_key),
            (Label::SIGNAL_KEY, &self.signal_key),
            (Label::HISTORY_KEY, &self.history_key),
        ] {
            assert_eq!(self.derive(label), key.array(), "{}", self.why);
        }
    }
}

fn open(key: &Hex, nonce: [u8; limits::NONCE], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    XChaCha20Poly1305::new(&Key::from(key.array::<32>()))
        .decrypt(&XNonce::from(nonce), Payload { msg, aad })
        .unwrap()
}

#[test]
fn epoch_keys_content_and_history() {
    let vectors = read::<EpochVector>("epoch");
    for vector in &vectors {
        vector.check_keys();
        if let (Some(header), Some(content), Some(ciphertext)) =
            (&vector.header, &vector.content, &vector.ciphertext)
        {
            let nonce = EventHeader::parse(&header.0).unwrap().nonce;
            let padded = open(&vector.content_key, nonce, &header.0, &ciphertext.0);
            assert_eq!(unpad(&padded), Ok(&content.0[..]), "{}", vector.why);
        }
        if let (Some(previous), Some(aad), Some(sealed)) = (
            &vector.previous_secret,
            &vector.history_aad,
            &vector.sealed_previous,
        ) {
            assert_eq!(sealed.0.len(), limits::SEALED_PREVIOUS);
            let (nonce, ciphertext) = sealed.0.split_at(limits::NONCE);
            let opened = open(&vector.history_key, nonce.try_into().unwrap(), &aad.0, ciphertext);
            assert_eq!(opened, previous.0, "{}", vector.why);
        }
    }
    let [first, second] = &vectors[..] else {
        panic!("two epochs follow each other")
    };
    let aad = history_aad(
        &first.space_id,
        (first.epoch, &first.key_id),
        (second.epoch, &second.key_id),
    );
    assert_eq!(second.history_aad, Some(Hex(aad.into())));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum WrapsVector {
    Wrap(Box<WrapVector>),
    Digest {
        why: String,
        wraps: Vec<(PrincipalId, Hex)>,
        wraps_digest: Hex,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrapVector {
    why: String,
    space_id: SpaceId,
    epoch: u64,
    key_id: KeyId,
    secret: Hex,
    hpke_seed: Hex,
    manifest: Hex,
    info: Hex,
    wrap: Hex,
    wrap_hash: Hex,
}

#[test]
fn wraps_open_and_their_digest_is_the_one_named() {
    for vector in read::<WrapsVector>("wraps") {
        match vector {
            WrapsVector::Wrap(vector) => check_wrap(&vector),
            WrapsVector::Digest {
                why,
                wraps,
                wraps_digest: expected,
            } => {
                let wraps: Vec<_> = wraps.iter().map(|(id, hash)| (*id, hash.array())).collect();
                assert!(wraps.is_sorted(), "{why}");
                assert_eq!(wraps_digest(&wraps), expected.array(), "{why}");
            }
        }
    }
}

fn check_wrap(vector: &WrapVector) {
    let why = &vector.why;
    let manifest = Manifest::parse(&vector.manifest.0).unwrap();
    let private = <XWing as Kem>::PrivateKey::from_bytes(&vector.hpke_seed.0).unwrap();
    let public = <XWing as Kem>::sk_to_pk(&private).to_bytes();
    assert_eq!(&public[..], &manifest.hpke_key()[..], "{why}");
    let info = wrap_info(
        &vector.space_id,
        vector.epoch,
        &vector.key_id,
        &Recipient::from(&manifest),
    );
    assert_eq!(info, vector.info.0, "{why}");
    assert_eq!(wrap_hash(&vector.wrap.0), vector.wrap_hash.array(), "{why}");
    assert_eq!(vector.wrap.0.len(), limits::WRAP, "{why}");
    let (enc, sealed) = vector
        .wrap
        .0
        .split_at(limits::WRAP - limits::SECRET - limits::TAG);
    let enc = <XWing as Kem>::EncappedKey::from_bytes(enc).unwrap();
    let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeR::Base,
        &private,
        &enc,
        &info,
        sealed,
        &[],
    );
    assert_eq!(opened.unwrap(), vector.secret.0, "{why}");
}
