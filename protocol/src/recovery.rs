//! Login with the key that a recovery code derives.

use ed25519_dalek::SigningKey;

use crate::hash::Label;
use crate::keys::{KeyError, PublicKey, sign};

/// Signs a recovery login: the relay's origin and its challenge.
#[must_use]
pub fn sign_recovery_login(key: &SigningKey, origin: &str, challenge: &[u8]) -> [u8; 64] {
    sign(key, Label::RECOVERY_LOGIN, &[origin.as_bytes(), challenge])
}

/// Checks a recovery login.
///
/// # Errors
/// [`KeyError::BadSignature`].
pub fn verify_recovery_login(
    key: &PublicKey,
    origin: &str,
    challenge: &[u8],
    signature: &[u8],
) -> Result<(), KeyError> {
    key.verify(Label::RECOVERY_LOGIN, &[origin.as_bytes(), challenge], signature)
}
