//! What an approver seals to a new device.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable};
use prost::Message;
use rand::CryptoRng;
use sealpost_protocol::approval::{approval_info, sign_approval, verify_approval};
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{AccountId, PrincipalId};
use sealpost_protocol::{VERSION, limits};
use zeroize::{Zeroize, Zeroizing};

use super::DeviceCode;
use crate::identity::{HpkePrivateKey, Identity};
use crate::secret::{SecretBytes, SecretKey};
use crate::store::account::Generation;

/// An encapsulated key of X-Wing.
const ENC: usize = limits::WRAP - limits::SECRET - limits::TAG;

/// What lets a new device in, and all that it holds for.
pub(in crate::account) struct Grant {
    pub(in crate::account) origin: String,
    pub(in crate::account) handle: String,
    pub(in crate::account) account_id: AccountId,
    pub(in crate::account) principal_id: PrincipalId,
    /// The request that was approved, as its code names it.
    pub(in crate::account) request: Digest32,
    pub(in crate::account) root_key: SecretKey,
    /// The newest keystore that the approver has seen: the new device takes no older one.
    pub(in crate::account) generation: Generation,
}

/// A grant that was opened, with the signature that its keystore has to confirm.
pub(in crate::account) struct OpenedGrant {
    pub(in crate::account) grant: Grant,
    bytes: SecretBytes,
    signature: Vec<u8>,
}

/// The plaintext. It holds a key: never printed, wiped by who uses it.
#[derive(Message)]
#[prost(skip_debug)]
struct SignedGrant {
    /// A canonical [`DeviceGrant`].
    #[prost(bytes = "vec", tag = "1")]
    grant: Vec<u8>,
    /// By the account's principal.
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
}

#[derive(Message)]
#[prost(skip_debug)]
struct DeviceGrant {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    origin: String,
    #[prost(string, tag = "3")]
    handle: String,
    #[prost(bytes = "vec", tag = "4")]
    account_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    principal_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    request: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    root_key: Vec<u8>,
    #[prost(uint64, tag = "8")]
    generation: u64,
    #[prost(bytes = "vec", tag = "9")]
    keystore_digest: Vec<u8>,
}

impl Grant {
    /// Signs it and seals it to the device with this one-time key: `enc ‖ ciphertext`. `None` for what is no key of X-Wing.
    pub(in crate::account) fn seal(
        &self,
        owner: &Identity,
        code: &DeviceCode,
        hpke_key: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        seal_plaintext(&self.sign(owner), code, hpke_key, rng)
    }

    fn sign(&self, owner: &Identity) -> SecretBytes {
        let grant = self.encode();
        let mut signed = SignedGrant {
            signature: sign_approval(owner.signing_key(), &grant).to_vec(),
            grant: grant.to_vec(),
        };
        let bytes = Zeroizing::new(signed.encode_to_vec());
        signed.grant.zeroize();
        bytes
    }

    fn encode(&self) -> SecretBytes {
        let mut wire = DeviceGrant {
            version: VERSION,
            origin: self.origin.clone(),
            handle: self.handle.clone(),
            account_id: self.account_id.as_bytes().to_vec(),
            principal_id: self.principal_id.as_bytes().to_vec(),
            request: self.request.to_vec(),
            root_key: self.root_key.expose_bytes().to_vec(),
            generation: self.generation.number,
            keystore_digest: self.generation.digest.to_vec(),
        };
        let bytes = Zeroizing::new(wire.encode_to_vec());
        wire.root_key.zeroize();
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut wire = DeviceGrant::decode(bytes).ok()?;
        let again = Zeroizing::new(wire.encode_to_vec());
        let grant = Self::from_wire(&wire);
        wire.root_key.zeroize();
        grant.filter(|_| again[..] == *bytes)
    }

    fn from_wire(wire: &DeviceGrant) -> Option<Self> {
        if wire.version != VERSION || wire.generation == 0 {
            return None;
        }
        Some(Self {
            origin: wire.origin.clone(),
            handle: wire.handle.clone(),
            account_id: AccountId::try_from(&wire.account_id[..]).ok()?,
            principal_id: PrincipalId::try_from(&wire.principal_id[..]).ok()?,
            request: wire.request[..].try_into().ok()?,
            root_key: SecretKey::from_slice(&wire.root_key)?,
            generation: Generation {
                number: wire.generation,
                digest: wire.keystore_digest[..].try_into().ok()?,
            },
        })
    }
}

pub(in crate::account) fn seal_plaintext(
    plaintext: &[u8],
    code: &DeviceCode,
    hpke_key: &[u8],
    rng: &mut impl CryptoRng,
) -> Option<Vec<u8>> {
    let public = <XWing as Kem>::PublicKey::from_bytes(hpke_key).ok()?;
    let preshared = code.preshared_key();
    let mode = OpModeS::Psk(PskBundle::new(&preshared[..], code.request()).ok()?);
    let info = approval_info(code.request());
    let (enc, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &mode,
        &public,
        &info,
        plaintext,
        &[],
        rng,
    )
    .ok()?;
    Some([&enc.to_bytes()[..], &sealed].concat())
}

impl OpenedGrant {
    /// Opens what was sealed to `one_time`, by somebody who has seen `code`; `None` for anything else.
    pub(in crate::account) fn open(
        sealed: &[u8],
        code: &DeviceCode,
        one_time: &HpkePrivateKey,
    ) -> Option<Self> {
        if sealed.len() > limits::MAX_APPROVAL {
            return None;
        }
        let (enc, ciphertext) = sealed.split_at_checked(ENC)?;
        let enc = <XWing as Kem>::EncappedKey::from_bytes(enc).ok()?;
        let preshared = code.preshared_key();
        let mode = OpModeR::Psk(PskBundle::new(&preshared[..], code.request()).ok()?);
        let plaintext = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &mode,
            one_time,
            &enc,
            &approval_info(code.request()),
            ciphertext,
            &[],
        );
        Self::decode(&Zeroizing::new(plaintext.ok()?))
    }

    fn decode(plaintext: &[u8]) -> Option<Self> {
        let signed = SignedGrant::decode(plaintext).ok()?;
        let again = Zeroizing::new(signed.encode_to_vec());
        let bytes = SecretBytes::new(signed.grant);
        if again[..] != *plaintext {
            return None;
        }
        Some(Self {
            grant: Grant::decode(&bytes)?,
            bytes,
            signature: signed.signature,
        })
    }

    /// Whether it is this owner who signed it.
    pub(in crate::account) fn is_by(&self, owner: &Identity) -> bool {
        let key = owner.manifest().signing_key();
        owner.id() == self.grant.principal_id && verify_approval(key, &self.bytes, &self.signature).is_ok()
    }
}

/// Judges bytes as the plaintext of an approval.
#[cfg(feature = "fuzzing")]
pub(crate) fn judge(bytes: &[u8]) {
    if let Some(opened) = OpenedGrant::decode(bytes) {
        assert_eq!(
            opened.grant.encode()[..],
            opened.bytes[..],
            "a grant has one encoding"
        );
    }
}

/// A well-formed plaintext of an approval.
#[cfg(feature = "fuzzing")]
pub(crate) fn a_grant() -> Vec<u8> {
    let owner = Identity::generate(&mut crate::entropy::system());
    let grant = Grant {
        origin: "https://relay.example.org".to_owned(),
        handle: "alice".to_owned(),
        account_id: AccountId::new([3; 16]),
        principal_id: owner.id(),
        request: [4; 32],
        root_key: SecretKey::from([5; 32]),
        generation: Generation {
            number: 1,
            digest: [6; 32],
        },
    };
    grant.sign(&owner).to_vec()
}
