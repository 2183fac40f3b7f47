//! Why a space has stopped: told to everyone who uses it, as often as they ask.

use std::path::PathBuf;

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::SpaceId;

use crate::error::{Alarm, Error, Refusal, StoreError};

/// The reason a space goes on no further.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// A check failed.
    Alarm(Alarm),
    /// The relay refuses this member for good.
    Refused(Box<Refusal>),
    /// The session has ended.
    NotAuthenticated(&'static str),
    /// The home was destroyed.
    NotLoggedIn(PathBuf),
    /// This member was not given the key of an epoch.
    NoKey {
        /// The space.
        space_id: SpaceId,
        /// The epoch.
        epoch: u64,
        /// Whether it is the only one.
        alone: bool,
    },
    /// The call itself is wrong.
    Usage(String),
    /// A value of the local store was changed.
    Damaged {
        /// Its table.
        table: &'static str,
    },
    /// The local store failed.
    Store(String),
}

impl Stop {
    /// What ends a space of `error`.
    pub(crate) fn from_error(error: Error) -> Self {
        match error {
            Error::Integrity(alarm) => Self::Alarm(*alarm),
            Error::Refused(refusal) => Self::Refused(refusal),
            Error::NotAuthenticated(reason) => Self::NotAuthenticated(reason),
            Error::NotLoggedIn(home) => Self::NotLoggedIn(home),
            Error::NoKey {
                space_id,
                epoch,
                alone,
            } => Self::NoKey {
                space_id,
                epoch,
                alone,
            },
            Error::Usage(what) => Self::Usage(what),
            Error::Store(StoreError::Damaged { table }) => Self::Damaged { table },
            other => Self::Store(other.to_string()),
        }
    }

    /// Whether this member may not write to the space, now or ever.
    pub(crate) fn ends_writing(&self) -> bool {
        let Self::Refused(refusal) = self else {
            return false;
        };
        matches!(
            refusal.code,
            Some(ErrorCode::NotAMember | ErrorCode::NotPermitted | ErrorCode::Tombstoned)
        )
    }

    /// The reason as an error.
    pub(crate) fn to_error(&self) -> Error {
        match self {
            Self::Alarm(alarm) => alarm.clone().into(),
            Self::Refused(refusal) => Error::Refused(refusal.clone()),
            Self::NotAuthenticated(reason) => Error::NotAuthenticated(reason),
            Self::NotLoggedIn(home) => Error::NotLoggedIn(home.clone()),
            Self::NoKey {
                space_id,
                epoch,
                alone,
            } => Error::NoKey {
                space_id: *space_id,
                epoch: *epoch,
                alone: *alone,
            },
            Self::Usage(what) => Error::Usage(what.clone()),
            Self::Damaged { table } => Error::Store(StoreError::Damaged { table }),
            Self::Store(what) => Error::Store(StoreError::Failed(what.clone())),
        }
    }
}
