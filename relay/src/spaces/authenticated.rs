//! Who speaks on a socket.

use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId, WriterId};
use sealpost_protocol::keys::PublicKey;

use super::Party;

/// A principal that has proved its key and its session on the socket it speaks on. Only the handshake makes one.
#[derive(Clone, Debug)]
pub struct AuthenticatedPrincipal {
    principal_id: PrincipalId,
    party: Party,
    session_id: SessionId,
    writer_id: WriterId,
    signing_key: PublicKey,
}

impl AuthenticatedPrincipal {
    /// To be called by the handshake, once `signing_key` has verified the socket proof, is known to be that of
    /// `principal_id`, and the session is known to be that of the account or agent.
    pub(crate) fn new(
        principal_id: PrincipalId,
        party: Party,
        session_id: SessionId,
        writer_id: WriterId,
        signing_key: PublicKey,
    ) -> Self {
        Self {
            principal_id,
            party,
            session_id,
            writer_id,
            signing_key,
        }
    }

    /// The cryptographic actor.
    #[must_use]
    pub fn principal_id(&self) -> PrincipalId {
        self.principal_id
    }

    /// The account that it belongs to, and that quotas are counted for.
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        self.party.account_id()
    }

    /// Whom rates are counted for.
    #[must_use]
    pub fn party(&self) -> Party {
        self.party
    }

    /// The login.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The install.
    #[must_use]
    pub fn writer_id(&self) -> WriterId {
        self.writer_id
    }

    /// The key that the principal id is the hash of (with the rest of the manifest).
    #[must_use]
    pub fn signing_key(&self) -> &PublicKey {
        &self.signing_key
    }
}
