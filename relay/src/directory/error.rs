//! Why the directory refused or failed, split by what the caller can do about it.

use std::time::Duration;

use crate::{
    atrest::{DataKeyError, RowOpenError},
    directory::LimitScope,
    store_failure::StoreFailure,
};

/// The directory refused or failed. Texts name no handle, token or key.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A part of the request is not what it must be.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// A part of the request is too long.
    #[error("{part} is longer than {limit} bytes")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// How long it may be.
        limit: usize,
    },
    /// There is nothing of that name that the caller may see.
    #[error("not found")]
    NotFound,
    /// The token belongs to no session.
    #[error("not authenticated")]
    NotAuthenticated,
    /// The session is too old to change credentials.
    #[error("a fresh login is required")]
    FreshLoginRequired,
    /// Wrong passphrase, wrong recovery code, unknown handle or unknown key.
    #[error("the login failed")]
    LoginFailed,
    /// A registration, login or staged change was used up or is too old.
    #[error("this was used up or is too old")]
    Expired,
    /// Registration needs a token.
    #[error("registration needs a token")]
    RegistrationClosed,
    /// The registration token is unknown, used up, revoked or expired.
    #[error("the registration token does not count")]
    RegistrationTokenInvalid,
    /// The handle belongs to somebody.
    #[error("the handle is taken")]
    HandleTaken,
    /// The handle breaks the rules.
    #[error("the handle breaks the rules")]
    HandleInvalid,
    /// Another change of the keystore came first.
    #[error("another change of the keystore came first")]
    KeystoreConflict,
    /// The new record was not asked for yet.
    #[error("the staged change was not verified")]
    StageUnverified,
    /// The operator disabled the account.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The pairing code is unknown, used up or past its time.
    #[error("the pairing code does not count")]
    PairingCodeInvalid,
    /// The request of a new device is unknown, used up, withdrawn or past its time.
    #[error("the device's code does not count")]
    DeviceCodeInvalid,
    /// As many new devices wait as the relay keeps.
    #[error("too many new devices wait to be let in")]
    TooManyDeviceRequests,
    /// The account has an agent of that name.
    #[error("the account has an agent of that name")]
    AgentNameTaken,
    /// The account has as many agents as it can have.
    #[error("the account has as many agents as it can have")]
    TooManyAgents {
        /// How many that is.
        limit: usize,
    },
    /// Too many requests.
    #[error("too many requests per {scope}")]
    RateLimited {
        /// Of what there were too many.
        scope: LimitScope,
        /// When to come back.
        retry_after: Duration,
    },
    /// The keystore versions that are kept would be too large together.
    #[error("more than {limit} bytes of keystore versions")]
    QuotaExceeded {
        /// How many bytes they may have.
        limit: u64,
    },
    /// A data key cannot be had.
    #[error(transparent)]
    DataKey(#[from] DataKeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// A stored row does not open.
    #[error("{column}: {cause}")]
    Damaged {
        /// What did not open.
        column: &'static str,
        /// Why.
        cause: RowOpenError,
    },
    /// A defect.
    #[error("{0}")]
    Internal(&'static str),
}

impl DirectoryError {
    /// The error for bytes from OPAQUE's other side.
    pub(super) fn from_opaque(what: &'static str, error: &sealpost_opaque::Error) -> Self {
        match error {
            sealpost_opaque::Error::Mismatch => Self::LoginFailed,
            sealpost_opaque::Error::Malformed(_) | sealpost_opaque::Error::PassphraseLength => {
                Self::Malformed(what)
            }
            sealpost_opaque::Error::Internal => Self::Internal("OPAQUE failed inside"),
        }
    }
}
