//! What the operator decides about accounts.

use std::time::Duration;

use super::DirectoryLimits;

/// What the operator decides about accounts.
#[derive(Clone, Debug)]
pub struct DirectorySettings {
    /// Scheme, host and port of the relay as clients name it; recovery logins sign it.
    pub origin: String,
    /// Whether registration needs no token.
    pub open_registration: bool,
    /// How long a session lasts.
    pub session_lifetime: Duration,
    /// How many bytes may be stored for an account; held against what it publishes by the log.
    pub quota_bytes: u64,
    /// Keystore versions that an account may add in 24 hours.
    pub keystores_per_day: u64,
    /// Bytes that the kept keystore versions of an account may have together.
    pub keystore_bytes: u64,
    /// How often things may be asked for.
    pub limits: DirectoryLimits,
}

impl DirectorySettings {
    /// Sessions of one account; a new one ends the one that was not used for the longest time.
    pub const SESSIONS_PER_ACCOUNT: u32 = 100;
    /// Sessions of one agent, of which the same holds.
    pub const SESSIONS_PER_AGENT: u32 = 4;
    /// Agents of one account.
    pub const AGENTS_PER_ACCOUNT: u32 = 100;
    /// Open pairing codes of one account; a new one voids the oldest.
    pub const PAIRING_CODES_PER_ACCOUNT: u32 = 16;
    /// The longest life of a pairing code.
    pub const PAIR_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);
    /// An agent is noted down as seen at most this often.
    pub const SEEN_EVERY: Duration = Duration::from_secs(30);
    /// New devices that wait to be let in, of the whole relay.
    pub const DEVICE_REQUESTS: u32 = 10_000;
    /// A session is this long fresh enough to change credentials, from the first step to the commit.
    pub const FRESH_FOR: Duration = Duration::from_secs(10 * 60);
    /// Time for the second message of a registration: Argon2id runs in between, on a slow phone perhaps.
    pub const REGISTRATION_WITHIN: Duration = Duration::from_secs(5 * 60);
    /// Time for the second message of a login.
    pub const LOGIN_WITHIN: Duration = Duration::from_secs(60);

    /// Closed registration, sessions of 90 days, 1 GiB per account, limits on.
    pub fn new(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            open_registration: false,
            session_lifetime: Duration::from_secs(90 * 24 * 60 * 60),
            quota_bytes: 1 << 30,
            keystores_per_day: 200,
            keystore_bytes: 128 << 20,
            limits: DirectoryLimits::default(),
        }
    }
}
