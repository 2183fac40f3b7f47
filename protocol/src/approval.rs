//! How an unlocked device lets a new one in. This crate only fixes what is bound; `SPEC.md` says what is sealed.

use ed25519_dalek::SigningKey;

use crate::hash::{Digest32, Label, framed, tagged_hash};
use crate::keys::{KeyError, PublicKey, sign};

/// What a new device asks for. Its code commits to all of it, so that nobody on the way can exchange a part.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRequest<'a> {
    /// The relay's origin, as the device knows it.
    pub origin: &'a str,
    /// The account that it wants to enter.
    pub handle: &'a str,
    /// How it calls itself.
    pub device_name: &'a str,
    /// Its one-time X-Wing public key (1,216 bytes).
    pub hpke_key: &'a [u8],
}

impl DeviceRequest<'_> {
    /// The hash in the code.
    #[must_use]
    pub fn hash(&self) -> Digest32 {
        tagged_hash(
            Label::DEVICE_REQUEST,
            &[
                self.origin.as_bytes(),
                self.handle.as_bytes(),
                self.device_name.as_bytes(),
                self.hpke_key,
            ],
        )
    }
}

/// HPKE `info` of an approval.
#[must_use]
pub fn approval_info(request: &Digest32) -> Vec<u8> {
    framed(Label::DEVICE_APPROVAL_INFO, &[request])
}

/// Signs an approval: the bytes of what is granted, which name the request.
#[must_use]
pub fn sign_approval(key: &SigningKey, grant: &[u8]) -> [u8; 64] {
    sign(key, Label::DEVICE_APPROVAL, &[grant])
}

/// Checks an approval.
///
/// # Errors
/// [`KeyError::BadSignature`].
pub fn verify_approval(key: &PublicKey, grant: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    key.verify(Label::DEVICE_APPROVAL, &[grant], signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_request_changes_its_hash() {
        let request = DeviceRequest {
            origin: "https://relay.example.org",
            handle: "alice",
            device_name: "phone",
            hpke_key: &[1; 1216],
        };
        let others = [
            DeviceRequest {
                origin: "https://relay.example.com",
                ..request
            },
            DeviceRequest {
                handle: "alic",
                device_name: "ephone",
                ..request
            },
            DeviceRequest {
                device_name: "laptop",
                ..request
            },
            DeviceRequest {
                hpke_key: &[2; 1216],
                ..request
            },
        ];
        for other in others {
            assert_ne!(other.hash(), request.hash(), "{other:?}");
        }
    }
}
