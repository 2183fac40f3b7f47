//! Login of an agent with its own signing key.

use ed25519_dalek::SigningKey;

use crate::hash::Label;
use crate::keys::{KeyError, PublicKey, sign};

/// Signs an agent's login: the relay's origin and its challenge.
#[must_use]
pub fn sign_agent_login(key: &SigningKey, origin: &str, challenge: &[u8]) -> [u8; 64] {
    sign(key, Label::AGENT_LOGIN, &[origin.as_bytes(), challenge])
}

/// Checks an agent's login.
///
/// # Errors
/// [`KeyError::BadSignature`].
pub fn verify_agent_login(
    key: &PublicKey,
    origin: &str,
    challenge: &[u8],
    signature: &[u8],
) -> Result<(), KeyError> {
    key.verify(Label::AGENT_LOGIN, &[origin.as_bytes(), challenge], signature)
}
