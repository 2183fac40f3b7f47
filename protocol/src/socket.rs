//! Socket authentication: what the client's first frame signs.

use ed25519_dalek::SigningKey;

use crate::hash::Label;
use crate::ids::{PrincipalId, SessionId, WriterId};
use crate::keys::{KeyError, PublicKey, sign};

/// What a socket proof binds: where, which challenge, and who.
#[derive(Clone, Copy, Debug)]
pub struct SocketProof<'a> {
    /// Scheme, host and port of the relay as its clients name it, e.g. `https://relay.example.org`.
    pub origin: &'a str,
    /// The relay's 32-byte challenge.
    pub nonce: &'a [u8],
    /// Who opens the socket.
    pub principal_id: &'a PrincipalId,
    /// Under which login.
    pub session_id: &'a SessionId,
    /// From which install.
    pub writer_id: &'a WriterId,
}

impl SocketProof<'_> {
    /// Signs the proof.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> [u8; 64] {
        sign(key, Label::SOCKET, &self.parts())
    }

    /// Checks the proof.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`].
    pub fn verify(&self, key: &PublicKey, signature: &[u8]) -> Result<(), KeyError> {
        key.verify(Label::SOCKET, &self.parts(), signature)
    }

    fn parts(&self) -> [&[u8]; 5] {
        [
            self.origin.as_bytes(),
            self.nonce,
            self.principal_id.as_bytes(),
            self.session_id.as_bytes(),
            self.writer_id.as_bytes(),
        ]
    }
}
