//! Why a space has stopped: told to everyone who uses it, as often as they ask.

use crate::error::{Alarm, Error, Refusal, StoreError};

/// The reason a space goes on no further.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// A check failed.
    Alarm(Alarm),
    /// The relay refuses this member for good.
    Refused(Refusal),
    /// The session has ended.
    NotAuthenticated(&'static str),
    /// The local store failed.
    Store(String),
}

impl Stop {
    /// What ends a space of `error`.
    pub(crate) fn from_error(error: Error) -> Self {
        match error {
            Error::Integrity(alarm) => Self::Alarm(*alarm),
            Error::Refused(refusal) => Self::Refused(*refusal),
            Error::NotAuthenticated(reason) => Self::NotAuthenticated(reason),
            other => Self::Store(other.to_string()),
        }
    }

    /// The reason as an error.
    pub(crate) fn to_error(&self) -> Error {
        match self {
            Self::Alarm(alarm) => alarm.clone().into(),
            Self::Refused(refusal) => refusal.clone().into(),
            Self::NotAuthenticated(reason) => Error::NotAuthenticated(reason),
            Self::Store(what) => Error::Store(StoreError::File {
                what: what.clone(),
                source: std::io::ErrorKind::Other.into(),
            }),
        }
    }
}
