//! What the sockets ask of the directory of accounts.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::SecretToken;
use sealpost_protocol::ids::{PrincipalId, SessionId};
use sealpost_protocol::keys::PublicKey;

use crate::spaces::Party;

/// A login that is valid now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// The login.
    pub session_id: SessionId,
    /// Whose.
    pub party: Party,
    /// Who may speak under it.
    pub principal_id: PrincipalId,
    /// Time until it ends by itself.
    pub expires_in: Duration,
}

/// The directory cannot answer now. Its cause was logged where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// What the client is told.
    pub code: ErrorCode,
}

/// An answer of the directory.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Unavailable>>;

/// The directory, as the sockets see it.
pub trait SessionDirectory: Send + Sync {
    /// The session of a token, shown by a client at `address`; `None` if it is unknown, revoked or expired, or its account is disabled.
    fn authenticate<'a>(&'a self, address: IpAddr, token: &'a SecretToken)
    -> Answer<'a, Option<LiveSession>>;

    /// The signing key of a principal; `None` if it is unknown.
    fn signing_key(&self, principal: PrincipalId) -> Answer<'_, Option<PublicKey>>;

    /// Those of `sessions` that are valid no more.
    fn ended<'a>(&'a self, sessions: &'a [SessionId]) -> Answer<'a, Vec<SessionId>>;
}
