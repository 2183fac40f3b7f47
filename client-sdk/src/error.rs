//! What can go wrong, split by what the caller can do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::{EventId, SpaceId};
use sealpost_protocol::text::turns_text;
use sealpost_protocol::wire::SignedControl;

use crate::blob::BlobError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no session, it ended, or the credentials are wrong: log in (again).
    #[error("not authenticated: {0}")]
    NotAuthenticated(&'static str),
    /// The home holds no account: register or log in.
    #[error("the home folder {} is not logged in", .0.display())]
    NotLoggedIn(PathBuf),
    /// The relay could not be reached or did not answer: try again later. What was accepted before is safe.
    #[error("{0}")]
    Network(String),
    /// The relay refuses the request: act on the code.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The relay, or who stands before it, gave something that no honest relay gives. Nothing of it was used; do not
    /// try again, find out why.
    #[error(transparent)]
    Integrity(Box<Alarm>),
    /// The call itself is wrong: correct it.
    #[error("{0}")]
    Usage(String),
    /// This member was not given the key of an epoch. The members were asked to wrap it again, if it is meant for this one.
    #[error("this member has no key for epoch {epoch} of space {space_id}; {}", help_for(*.alone))]
    NoKey {
        /// The space.
        space_id: SpaceId,
        /// The epoch.
        epoch: u64,
        /// Whether it is the only member, as far as the log was verified: there is nobody to be asked.
        alone: bool,
    },
    /// A member signed an event whose content does not open. The log is whole; its author wrote nonsense.
    #[error("event {event_id} (seq {seq} of space {space_id}) was written so that it cannot be read")]
    Unreadable {
        /// The space.
        space_id: SpaceId,
        /// Its place.
        seq: u64,
        /// Which event.
        event_id: EventId,
    },
    /// A file could not be sealed, or what the storage gave is not the file. What was given out before is a beginning of it.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The files of this device cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A refusal of the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code, where this program knows it.
    pub code: Option<ErrorCode>,
    /// The code's word as the relay sent it.
    pub word: String,
    /// What to do, for people.
    pub message: String,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// The limit that was met.
    pub limit: Option<u64>,
    /// The current epoch, where the code speaks of one.
    pub epoch: Option<u64>,
    /// The place in the log, where the code speaks of one.
    pub seq: Option<u64>,
    /// The record that deleted the space, as the relay shows it; not checked.
    pub tombstone: Option<Box<SignedControl>>,
    /// Whether the space's own rules say so, as this device has verified them: the relay was not asked.
    pub by_the_rules: bool,
}

/// Evidence that a check failed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What does not hold.
    pub what: String,
    /// In which space.
    pub space_id: Option<SpaceId>,
    /// At which place of its log.
    pub seq: Option<u64>,
    /// Which event, where it could be told.
    pub event_id: Option<EventId>,
}

/// Why the local store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file could not be read or written.
    #[error("{what}: {source}")]
    File {
        /// Which file, and what was to be done.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite failed.
    #[error("the local store failed: {0}")]
    Database(rusqlite::Error),
    /// The file is damaged.
    #[error("the local store is damaged: {0}")]
    Corrupt(String),
    /// It failed before, and what works on it has stopped; this is what was said then.
    #[error("{0}")]
    Failed(String),
    /// A value does not open under the device key: the file was changed, or belongs to another device key.
    #[error("the local store holds a value in `{table}` that was changed or belongs elsewhere")]
    Damaged {
        /// The value's table.
        table: &'static str,
    },
    /// The key that opens the store is not there.
    #[error("the device key {} is missing, and nothing in this home opens without it", .0.display())]
    DeviceKeyMissing(PathBuf),
    /// Written by a newer version of this program.
    #[error("the local store has schema {found}, this program knows {known}: update it")]
    Newer {
        /// Its schema.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// Somebody sends from it, and what is not acked yet would be lost.
    #[error(
        "a command of this home is sending messages, and what it has not sent yet would be lost; wait until it is done, or end it"
    )]
    Sending,
    /// Messages of its outbox, which are nowhere else, would be lost.
    #[error("{} for the space {} signed and never sent, and would be lost", messages(*.0), if *.0 == 1 { "is" } else { "are" })]
    Unsent(u64),
    /// Holds another account.
    #[error("this home belongs to another account; choose another one or log out first")]
    OtherAccount,
    /// The home is readable by others.
    #[error("{0} can be read by other users of this machine; make it private (chmod go-rwx)")]
    NotPrivate(String),
}

/// Who could give a key to a member that has none.
fn help_for(alone: bool) -> &'static str {
    match alone {
        true => {
            "nobody else is a member, so that nobody can give it one: what was written under it cannot be read any more"
        }
        false => "the next member who is online gives it one, if it may have it",
    }
}

fn messages(number: u64) -> String {
    match number {
        1 => "1 message".to_owned(),
        _ => format!("{number} messages"),
    }
}

impl Error {
    /// An alarm that concerns no space.
    pub(crate) fn alarm(what: impl Into<String>) -> Self {
        Alarm::new(what).into()
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::Usage(what.into())
    }

    pub(crate) fn network(cause: impl fmt::Display) -> Self {
        Self::Network(cause.to_string())
    }

    /// The relay's code, where it refused with one that is known.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(refusal) => refusal.code,
            _ => None,
        }
    }

    /// Whether the same call may succeed later without anybody changing it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Network(_)) || self.code().is_some_and(ErrorCode::is_transient)
    }

    /// Whether the relay may have done what it was asked although the call failed: there was no answer, or one that says that the
    /// relay itself failed, or one that this program does not know.
    #[must_use]
    pub fn leaves_open(&self) -> bool {
        match self {
            Self::Network(_) => true,
            Self::Refused(refusal) => refusal
                .code
                .is_none_or(|code| code.is_transient() && code != ErrorCode::RateLimited),
            _ => false,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Corrupt(error.to_string()),
            _ => Self::Database(error),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Refusal {
    /// A refusal that says nothing but its code.
    pub(crate) fn new(word: &str, message: &str) -> Self {
        Self {
            code: word.parse().ok(),
            word: printable(word),
            message: printable(message),
            retry_after: None,
            limit: None,
            epoch: None,
            seq: None,
            tombstone: None,
            by_the_rules: false,
        }
    }

    /// The end of a membership.
    pub(crate) fn no_longer_a_member() -> Self {
        Self::by_the_rules(
            ErrorCode::NotAMember,
            "this account is no longer a member of the space; what it has read stays on this device",
        )
    }

    /// The end of a space.
    pub(crate) fn tombstoned() -> Self {
        Self::by_the_rules(
            ErrorCode::Tombstoned,
            "the space was deleted by one who may manage it; what was read before stays on this device",
        )
    }

    /// What the rules of a space forbid, as this device has verified them.
    pub(crate) fn by_the_rules(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            by_the_rules: true,
            message: message.into(),
            ..Self::new(code.as_str(), "")
        }
    }
}

/// Text of the relay as it may be shown: short, and without the characters by which a terminal is commanded or text is
/// turned round.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 300;
    text.chars()
        .filter(|letter| !letter.is_control() && !turns_text(*letter))
        .take(LONGEST)
        .collect()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by_the_rules {
            true => write!(f, "{} ({})", self.message, self.word)?,
            false => write!(f, "the relay refuses ({}): {}", self.word, self.message)?,
        }
        if let Some(limit) = self.limit {
            write!(f, " (limit {limit})")?;
        }
        match self.retry_after {
            None => Ok(()),
            Some(wait) if wait.as_secs() == 0 => write!(f, " (in {} ms)", wait.as_millis()),
            // For people: who counts has the time itself. Never too early.
            Some(wait) => write!(f, " (in {} s)", wait.as_millis().div_ceil(1000)),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Alarm {
    /// An alarm that concerns no space.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            space_id: None,
            seq: None,
            event_id: None,
        }
    }

    /// An alarm about a place of a log.
    pub(crate) fn at(
        what: impl Into<String>,
        space_id: SpaceId,
        seq: u64,
        event_id: Option<EventId>,
    ) -> Self {
        Self {
            space_id: Some(space_id),
            seq: Some(seq),
            event_id,
            ..Self::new(what)
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "integrity alarm: {}", self.what)?;
        if let Some(space_id) = self.space_id {
            write!(f, ", space {space_id}")?;
        }
        if let Some(seq) = self.seq {
            write!(f, ", seq {seq}")?;
        }
        if let Some(event_id) = self.event_id {
            write!(f, ", event {event_id}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Alarm {}

impl From<Alarm> for Error {
    fn from(alarm: Alarm) -> Self {
        Self::Integrity(Box::new(alarm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_to_wait_is_told_in_seconds_and_never_too_short() {
        let told = |milliseconds| {
            let retry_after = Some(Duration::from_millis(milliseconds));
            let refusal = Refusal {
                retry_after,
                ..Refusal::new("rate_limited", "Wait.")
            };
            refusal.to_string()
        };
        assert!(told(12_104).ends_with("(in 13 s)"), "{}", told(12_104));
        assert!(told(20).ends_with("(in 20 ms)"), "{}", told(20));
    }
}
