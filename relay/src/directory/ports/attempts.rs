use std::ops::AddAssign;

use time::OffsetDateTime;

use super::Stored;
use crate::directory::ids::AttemptId;

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptPurpose {
    /// A registration.
    Registration,
    /// A login with a passphrase.
    Login,
    /// A login with a recovery code.
    Recovery,
    /// A login of an agent.
    Agent,
}

impl AttemptPurpose {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Login => "login",
            Self::Recovery => "recovery",
            Self::Agent => "agent",
        }
    }
}

impl SweptRows {
    /// Of whatever there were most.
    #[must_use]
    pub fn most(&self) -> u64 {
        let kinds = [
            self.attempts,
            self.sessions,
            self.staged_changes,
            self.pairing_codes,
            self.device_requests,
        ];
        kinds.into_iter().max().unwrap_or_default()
    }
}

impl AddAssign for SweptRows {
    fn add_assign(&mut self, more: Self) {
        self.attempts += more.attempts;
        self.sessions += more.sessions;
        self.staged_changes += more.staged_changes;
        self.pairing_codes += more.pairing_codes;
        self.device_requests += more.device_requests;
    }
}

/// What to remember between the two messages of a registration or login.
pub struct NewAttempt {
    /// Its name.
    pub attempt_id: AttemptId,
    /// What it is for.
    pub purpose: AttemptPurpose,
    /// What the second message needs, sealed.
    pub state_sealed: Vec<u8>,
    /// Now.
    pub created_at: OffsetDateTime,
    /// From when on the second message is refused.
    pub expires_at: OffsetDateTime,
}

/// How many rows a sweep deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweptRows {
    /// Attempts past their time.
    pub attempts: u64,
    /// Sessions past their time.
    pub sessions: u64,
    /// Staged changes past their time.
    pub staged_changes: u64,
    /// Pairing codes past their time.
    pub pairing_codes: u64,
    /// Requests of new devices past their time.
    pub device_requests: u64,
}

/// Attempts.
pub trait AttemptStore: Send + Sync {
    /// Stores an attempt.
    fn insert_attempt<'a>(&'a self, attempt: &'a NewAttempt) -> Stored<'a, ()>;

    /// Takes an attempt out of the store, so that nobody can use it again; none if it is not there, past its
    /// time, or for something else.
    fn take_attempt(
        &self,
        attempt_id: AttemptId,
        purpose: AttemptPurpose,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<Vec<u8>>>;

    /// Deletes attempts, sessions, staged changes, pairing codes and requests of new devices that are past their
    /// time, of each up to `limit`.
    fn sweep(&self, now: OffsetDateTime, limit: u32) -> Stored<'_, SweptRows>;
}
