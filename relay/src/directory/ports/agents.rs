use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId};
use time::OffsetDateTime;

use super::{AccountState, NewAuditEntry, NewPrincipal, NewSession, Stored, StoredOr};
use crate::atrest::BlindIndexValue;

/// A pairing code to be stored.
pub struct NewPairingCode {
    /// Keyed hash of its token.
    pub token_hash: BlindIndexValue,
    /// Whose agent it lets in.
    pub account_id: AccountId,
    /// The session that makes it; when that ends, so does the code.
    pub session_id: SessionId,
    /// The agent's name, sealed.
    pub name_sealed: Vec<u8>,
    /// Now.
    pub created_at: OffsetDateTime,
    /// From when on it is refused.
    pub expires_at: OffsetDateTime,
}

/// A pairing code as stored.
pub struct PairingCodeRow {
    /// Whose agent it lets in.
    pub account_id: AccountId,
    /// Whether that account may log in.
    pub account_state: AccountState,
    /// The agent's name, sealed.
    pub name_sealed: Vec<u8>,
}

/// Everything that a new agent consists of.
pub struct NewAgent {
    /// Keyed hash of the token that lets it in.
    pub token_hash: BlindIndexValue,
    /// Its principal.
    pub principal: NewPrincipal,
    /// Its name, sealed.
    pub name_sealed: Vec<u8>,
    /// Its first session.
    pub session: NewSession,
    /// What to note down.
    pub audit: NewAuditEntry,
}

/// Why a pairing code was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairingRefusal {
    /// The account, or the session that makes it, is gone.
    SessionEnded,
    /// Another account has a code with that token: a client with broken randomness.
    TokenTaken,
}

/// Why an agent was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrollRefusal {
    /// The code is unknown, used up or past its time.
    CodeInvalid,
    /// The account has as many agents as it can have.
    TooMany,
    /// The account has an agent of that name.
    NameTaken,
    /// The principal belongs, or belonged, to somebody: keys of a revoked agent, or a client with broken randomness.
    KeyTaken,
}

/// An agent as stored.
pub struct AgentRow {
    /// Its principal.
    pub principal_id: PrincipalId,
    /// The owner's account.
    pub account_id: AccountId,
    /// Whether that account may log in.
    pub account_state: AccountState,
    /// Its name, sealed.
    pub name_sealed: Vec<u8>,
    /// Its signed manifest, sealed.
    pub manifest_sealed: Vec<u8>,
    /// When it enrolled.
    pub created_at: OffsetDateTime,
    /// When it was last seen.
    pub last_seen_at: OffsetDateTime,
}

/// Tells whether an agent has a certain name: names are sealed.
pub type HasName<'a> = dyn Fn(&AgentRow) -> bool + Send + Sync + 'a;

/// Agents and the codes that let them in.
pub trait AgentStore: Send + Sync {
    /// Stores a pairing code and tells until when it counts; where the account has one with that token already, that one
    /// stays. Of the account's codes the newest `kept` stay.
    fn insert_pairing_code<'a>(
        &'a self,
        code: &'a NewPairingCode,
        kept: u32,
        audit: &'a NewAuditEntry,
    ) -> StoredOr<'a, OffsetDateTime, PairingRefusal>;

    /// The pairing code with that token, unless it is past its time.
    fn pairing_code(
        &self,
        token_hash: BlindIndexValue,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<PairingCodeRow>>;

    /// Uses the code up and makes the agent, unless its owner would have more than `most`, or has one of its name.
    fn enroll_agent<'a>(
        &'a self,
        agent: &'a NewAgent,
        most: u32,
        has_its_name: &'a HasName<'a>,
    ) -> StoredOr<'a, (), EnrollRefusal>;

    /// The agent with that principal.
    fn agent(&self, principal_id: PrincipalId) -> Stored<'_, Option<AgentRow>>;

    /// The agents of an account, newest first.
    fn agents_of(&self, account_id: AccountId) -> Stored<'_, Vec<AgentRow>>;

    /// Notes down that an agent was seen, unless it was seen after `before` already.
    fn touch_agent(
        &self,
        principal_id: PrincipalId,
        seen_at: OffsetDateTime,
        before: OffsetDateTime,
    ) -> Stored<'_, ()>;

    /// Deletes an agent of an account with what was kept for it alone, and revokes its principal; tells which sessions
    /// ended by it. None if the account has no such agent.
    fn revoke_agent<'a>(
        &'a self,
        account_id: AccountId,
        principal_id: PrincipalId,
        audit: &'a NewAuditEntry,
    ) -> Stored<'a, Option<Vec<SessionId>>>;
}
