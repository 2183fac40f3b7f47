use sealpost_protocol::ids::Incarnation;
use time::OffsetDateTime;

use super::Stored;

/// A long-lived secret of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelaySecret {
    /// The server side of OPAQUE. Without it no passphrase works any more.
    OpaqueServerSetup,
}

impl RelaySecret {
    /// The name under which it is stored and sealed. It never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpaqueServerSetup => "opaque_server_setup",
        }
    }
}

/// What there is once per database.
pub trait RelayStateStore: Send + Sync {
    /// The database's incarnation; `candidate` becomes it if there is none yet.
    fn incarnation(&self, candidate: Incarnation, now: OffsetDateTime) -> Stored<'_, Incarnation>;

    /// The sealed secret, if it was drawn already.
    fn secret(&self, secret: RelaySecret) -> Stored<'_, Option<Vec<u8>>>;

    /// Stores `sealed` unless the secret is there already, and answers with what is stored now.
    fn insert_secret_if_absent<'a>(
        &'a self,
        secret: RelaySecret,
        sealed: &'a [u8],
        now: OffsetDateTime,
    ) -> Stored<'a, Vec<u8>>;
}
