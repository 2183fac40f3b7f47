use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId};
use time::OffsetDateTime;

use super::{AccountState, NewAuditEntry, Stored};
use crate::atrest::BlindIndexValue;

/// A session to be stored.
pub struct NewSession {
    /// Its public name.
    pub session_id: SessionId,
    /// Keyed hash of its token.
    pub token_hash: BlindIndexValue,
    /// Whose.
    pub account_id: AccountId,
    /// The principal that was proven: the person's, or the agent's.
    pub principal_id: PrincipalId,
    /// The agent whose it is; none for a device of the person.
    pub agent_id: Option<PrincipalId>,
    /// Version of the account's credentials under which it is made; none for an agent.
    pub credential_version: Option<u64>,
    /// The request of the device, where another one let it in: it goes as the session comes.
    pub claim_hash: Option<BlindIndexValue>,
    /// The device's name, sealed.
    pub device_sealed: Vec<u8>,
    /// Now.
    pub created_at: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: OffsetDateTime,
}

/// A session as stored.
pub struct SessionRow {
    /// Its public name.
    pub session_id: SessionId,
    /// Whose.
    pub account_id: AccountId,
    /// The account's principal, or the agent's.
    pub principal_id: PrincipalId,
    /// The agent whose it is; none for a device of the person.
    pub agent_id: Option<PrincipalId>,
    /// Whether the account may log in.
    pub account_state: AccountState,
    /// Version of the account's credentials under which it was made; none where they were changed since, and for an agent.
    pub credential_version: Option<u64>,
    /// Whether another device let this one in.
    pub by_approval: bool,
    /// The device's name, sealed.
    pub device_sealed: Vec<u8>,
    /// When the device logged in.
    pub created_at: OffsetDateTime,
    /// When it last called, to ten minutes.
    pub last_seen_at: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: OffsetDateTime,
}

/// Sessions.
pub trait SessionStore: Send + Sync {
    /// Stores a session, unless the account with that principal, the agent, or the approval that it comes of is gone: then `false`. Of the person's sessions, or of the agent's,
    /// the `kept` that were used last stay.
    fn insert_session<'a>(
        &'a self,
        session: &'a NewSession,
        kept: u32,
        audit: &'a NewAuditEntry,
    ) -> Stored<'a, bool>;

    /// The session with that token, unless it is past its time or its owner has started over since.
    fn session_by_token(
        &self,
        token_hash: BlindIndexValue,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<SessionRow>>;

    /// Notes down that a session was used.
    fn touch_session(&self, session_id: SessionId, seen_at: OffsetDateTime) -> Stored<'_, ()>;

    /// The sessions of an account's person, or of one of its agents, that count, newest first.
    fn sessions_of(
        &self,
        account_id: AccountId,
        agent_id: Option<PrincipalId>,
        now: OffsetDateTime,
    ) -> Stored<'_, Vec<SessionRow>>;

    /// Those of `session_ids` that count no more: ended, past their time, from before its owner started over, or of an
    /// account that is disabled or gone.
    fn ended_among<'a>(
        &'a self,
        session_ids: &'a [SessionId],
        now: OffsetDateTime,
    ) -> Stored<'a, Vec<SessionId>>;

    /// Ends a session of an account's person, or of one of its agents, or takes back the approval that it would come of; `false` if
    /// they have none of that name.
    fn delete_session<'a>(
        &'a self,
        account_id: AccountId,
        agent_id: Option<PrincipalId>,
        session_id: SessionId,
        audit: &'a NewAuditEntry,
    ) -> Stored<'a, bool>;
}
