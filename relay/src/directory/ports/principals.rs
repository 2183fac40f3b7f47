use sealpost_protocol::ids::{AccountId, PrincipalId};
use time::OffsetDateTime;

use super::Stored;

/// A principal to be stored.
pub struct NewPrincipal {
    /// Its id.
    pub principal_id: PrincipalId,
    /// Whose.
    pub account_id: AccountId,
    /// The signed manifest, sealed.
    pub manifest_sealed: Vec<u8>,
    /// Now.
    pub created_at: OffsetDateTime,
}

/// Principals.
pub trait PrincipalStore: Send + Sync {
    /// The sealed manifest of a principal that was not revoked.
    fn manifest(&self, principal_id: PrincipalId) -> Stored<'_, Option<Vec<u8>>>;
}
