//! Devices that are logged in: opaque 256-bit bearer tokens, stored as keyed hashes.

use std::{cmp::Reverse, net::IpAddr};

use sealpost_protocol::{
    http::{LoggedIn, SecretToken, SessionList, SessionView},
    ids::{AccountId, PrincipalId, SessionId},
};
use time::{Duration, OffsetDateTime};
use tokio::sync::broadcast;
use zeroize::Zeroizing;

use super::{
    Directory, DirectoryError, DirectorySettings, device_name,
    ids::AuditId,
    ports::{AccountState, AuditAction, NewAuditEntry, NewSession, SessionRow},
    seals::{OpenSeals, columns, fields},
};
use crate::spaces::Party;

/// How exactly it is noted when a session was used: each step is a write, and a step in somebody's day.
const SEEN_STEP_SECONDS: i64 = 10 * 60;

/// Who calls. Only [`Directory::authenticate`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedSession {
    session_id: SessionId,
    account_id: AccountId,
    principal_id: PrincipalId,
    is_agent: bool,
    /// Of the credentials that it proved, where they are still the account's.
    credential_version: Option<u64>,
    by_approval: bool,
    created_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

impl AuthenticatedSession {
    /// The session.
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// Whose.
    pub fn account_id(&self) -> AccountId {
        self.account_id
    }

    /// The account's principal, or the agent's.
    pub fn principal_id(&self) -> PrincipalId {
        self.principal_id
    }

    /// Whether it is a program of the account's owner that calls, and not they themselves.
    pub fn is_agent(&self) -> bool {
        self.is_agent
    }

    /// Whose rates and quotas count.
    pub fn party(&self) -> Party {
        if self.is_agent {
            Party::AgentsOf(self.account_id)
        } else {
            Party::Person(self.account_id)
        }
    }

    fn agent_id(&self) -> Option<PrincipalId> {
        self.is_agent.then_some(self.principal_id)
    }

    /// When it ends by itself.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    /// Until when its login is recent.
    pub(super) fn fresh_until(&self) -> OffsetDateTime {
        self.created_at + DirectorySettings::FRESH_FOR
    }
}

/// Sessions that ended before their time, for whoever holds something open for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionsEnded {
    /// One session.
    One(SessionId),
    /// All sessions of an account.
    AllOf(AccountId),
}

/// A session in the making.
pub(super) struct DraftSession {
    pub(super) token: SecretToken,
    pub(super) row: NewSession,
}

impl Directory {
    /// Whose session `token` is.
    ///
    /// # Errors
    /// [`DirectoryError::NotAuthenticated`] for a token of no session; [`DirectoryError::AccountDisabled`];
    /// [`DirectoryError::RateLimited`] where many of no session came from.
    pub async fn authenticate(
        &self,
        address: IpAddr,
        token: &SecretToken,
    ) -> Result<AuthenticatedSession, DirectoryError> {
        self.limits
            .unless_failing(address, self.find_session(token))
            .await
    }

    async fn find_session(&self, token: &SecretToken) -> Result<AuthenticatedSession, DirectoryError> {
        let seals = self.seals.open().await?;
        let token_hash = seals.blind(fields::SESSION_TOKEN, token.expose_bytes());
        let found = self.store.session_by_token(token_hash, self.clock.now()).await?;
        let row = found.ok_or(DirectoryError::NotAuthenticated)?;
        if row.account_state == AccountState::Disabled {
            return Err(DirectoryError::AccountDisabled);
        }
        self.touch(&row).await?;
        Ok(AuthenticatedSession {
            session_id: row.session_id,
            account_id: row.account_id,
            principal_id: row.principal_id,
            is_agent: row.agent_id.is_some(),
            credential_version: row.credential_version,
            by_approval: row.by_approval,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }

    /// The caller's sessions, newest first: those of the person, or of the agent that calls. Of the person also those that
    /// devices will get which were let in and have not come yet.
    ///
    /// # Errors
    /// When the store or the key service fails.
    pub async fn sessions(&self, caller: &AuthenticatedSession) -> Result<SessionList, DirectoryError> {
        let seals = self.seals.open().await?;
        let rows = self
            .store
            .sessions_of(caller.account_id, caller.agent_id(), self.clock.now())
            .await?;
        let view = |row: &SessionRow| {
            let device_name =
                seals.open_text(columns::DEVICE, row.session_id.as_bytes(), &row.device_sealed)?;
            Ok(SessionView {
                session_id: row.session_id,
                device_name,
                created_at: row.created_at,
                last_seen_at: row.last_seen_at,
                expires_at: row.expires_at,
                current: row.session_id == caller.session_id,
            })
        };
        let mut sessions = rows
            .iter()
            .map(view)
            .collect::<Result<Vec<_>, DirectoryError>>()?;
        if !caller.is_agent {
            sessions.extend(self.expected_devices(&seals, caller.account_id).await?);
            sessions.sort_by_key(|session| Reverse(session.created_at));
        }
        Ok(SessionList { sessions })
    }

    /// Ends one of the caller's sessions, or takes back the approval that it would come of. Its own each can end at any time;
    /// another one only a fresh login can, so that a session that was stolen or let in shuts nobody out.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the caller has no such session; for another than its own
    /// [`DirectoryError::FreshLoginRequired`] and [`DirectoryError::RateLimited`].
    pub async fn end_session(
        &self,
        caller: &AuthenticatedSession,
        session_id: SessionId,
    ) -> Result<(), DirectoryError> {
        if session_id != caller.session_id {
            self.limits.change(caller.account_id)?;
            self.require_recent_proof(caller)?;
        }
        let seals = self.seals.open().await?;
        let details = Some(&session_id.as_bytes()[..]);
        let audit = self.audit_entry(
            &seals,
            Some(caller.account_id),
            AuditAction::SessionEnded,
            details,
        );
        if !self
            .store
            .delete_session(caller.account_id, caller.agent_id(), session_id, &audit)
            .await?
        {
            return Err(DirectoryError::NotFound);
        }
        self.announce(SessionsEnded::One(session_id));
        Ok(())
    }

    /// Those of `session_ids` that count no more, wherever they were ended.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ended_among(&self, session_ids: &[SessionId]) -> Result<Vec<SessionId>, DirectoryError> {
        Ok(self.store.ended_among(session_ids, self.clock.now()).await?)
    }

    /// Hears of sessions that end before their time on this relay process. What another process ended shows at
    /// the next [`Self::authenticate`], or to [`Self::ended_among`].
    pub fn ended_sessions(&self) -> broadcast::Receiver<SessionsEnded> {
        self.ended.subscribe()
    }

    pub(super) fn announce(&self, ended: SessionsEnded) {
        // An error means that nobody listens.
        drop(self.ended.send(ended));
    }

    /// Refuses a caller whose login is too long ago to change credentials, or proved none, or such as were changed since.
    /// Returns the version of those that it proved: what is done with them must not count under others.
    pub(super) fn require_fresh(&self, caller: &AuthenticatedSession) -> Result<u64, DirectoryError> {
        let is_recent = self.clock.now() <= caller.fresh_until();
        let is_fresh = is_recent && !caller.by_approval;
        let proven = caller.credential_version.filter(|_| is_fresh);
        proven.ok_or(DirectoryError::FreshLoginRequired)
    }

    /// The same for a person and an agent, which has proven its key.
    fn require_recent_proof(&self, caller: &AuthenticatedSession) -> Result<(), DirectoryError> {
        if !caller.is_agent {
            return self.require_fresh(caller).map(drop);
        }
        let is_recent = self.clock.now() <= caller.fresh_until();
        is_recent.then_some(()).ok_or(DirectoryError::FreshLoginRequired)
    }

    /// A new token for who proved to be `principal_id`, and the row that stands for it.
    pub(super) fn draft_session(
        &self,
        seals: &OpenSeals,
        account_id: AccountId,
        principal_id: PrincipalId,
        device_name: &str,
    ) -> Result<DraftSession, DirectoryError> {
        let session_id = SessionId::new(self.random_bytes());
        self.draft_session_as(session_id, seals, account_id, principal_id, device_name)
    }

    /// The same under a given id.
    pub(super) fn draft_session_as(
        &self,
        session_id: SessionId,
        seals: &OpenSeals,
        account_id: AccountId,
        principal_id: PrincipalId,
        device_name: &str,
    ) -> Result<DraftSession, DirectoryError> {
        let device_name = device_name::check(device_name)?;
        let token = SecretToken::new(Zeroizing::new(self.random_bytes()));
        let created_at = self.clock.now();
        let row = NewSession {
            session_id,
            token_hash: seals.blind(fields::SESSION_TOKEN, token.expose_bytes()),
            account_id,
            principal_id,
            agent_id: None,
            credential_version: None,
            claim_hash: None,
            device_sealed: seals.seal(columns::DEVICE, session_id.as_bytes(), device_name.as_bytes()),
            created_at,
            expires_at: created_at + self.settings.session_lifetime,
        };
        Ok(DraftSession { token, row })
    }

    pub(super) fn audit_entry(
        &self,
        seals: &OpenSeals,
        account_id: Option<AccountId>,
        action: AuditAction,
        details: Option<&[u8]>,
    ) -> NewAuditEntry {
        let entry_id = AuditId::generate(&*self.entropy);
        let seal = |details: &[u8]| seals.seal(columns::AUDIT_DETAILS, entry_id.as_bytes(), details);
        NewAuditEntry {
            entry_id,
            account_id,
            action,
            details_sealed: details.map(seal),
            created_at: self.clock.now(),
        }
    }

    async fn touch(&self, row: &SessionRow) -> Result<(), DirectoryError> {
        let seen = to_the_step(self.clock.now());
        if row.last_seen_at < seen {
            self.store.touch_session(row.session_id, seen).await?;
        }
        Ok(())
    }
}

/// The answer to a device whose session is stored.
pub(super) fn logged_in(
    token: SecretToken,
    session: &NewSession,
    handle: String,
    device_name: String,
) -> LoggedIn {
    LoggedIn {
        account_id: session.account_id,
        handle,
        session_token: token,
        session: session_view(session, device_name),
    }
}

/// A session as the device sees it that it was just made for.
pub(super) fn session_view(session: &NewSession, device_name: String) -> SessionView {
    SessionView {
        session_id: session.session_id,
        device_name,
        created_at: session.created_at,
        last_seen_at: session.created_at,
        expires_at: session.expires_at,
        current: true,
    }
}

/// The start of the ten minutes that `time` is in.
fn to_the_step(time: OffsetDateTime) -> OffsetDateTime {
    let into_step = Duration::seconds(time.unix_timestamp().rem_euclid(SEEN_STEP_SECONDS));
    time.truncate_to_second() - into_step
}
