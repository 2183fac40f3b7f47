//! The port to whatever holds the key that wraps data keys.

use std::borrow::Cow;

use futures_util::future::BoxFuture;

use super::data_key::DataKey;

/// A data key to be wrapped.
pub struct KeyToWrap<'a> {
    /// What the wrapped key is to be bound to.
    pub associated_data: Vec<u8>,
    /// The key.
    pub key: &'a DataKey,
}

/// A wrapped data key to be opened.
pub struct KeyToUnwrap<'a> {
    /// What the key was bound to when it was wrapped.
    pub associated_data: Vec<u8>,
    /// The wrapped key.
    pub wrapped: &'a WrappedKey,
}

/// A wrapped data key: bytes that only the wrapper that made them understands. Not a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// The wrapped key with these stored bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What a wrapper is and how long it will go on working, for health answers and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrapperDescription {
    /// Which adapter this is.
    pub kind: &'static str,
    /// The name of the wrapping key.
    pub key_name: String,
    /// The newest version of the wrapping key that was seen; `None` before the first successful wrap, and
    /// where keys have no versions.
    pub key_version: Option<u32>,
    /// Seconds until the credential expires unless it is renewed; `None` where nothing expires.
    pub credential_seconds_left: Option<u64>,
}

/// Wraps and unwraps data keys.
///
/// Implementations retry by themselves what is worth retrying, within a bounded time.
pub trait KeyWrapper: Send + Sync {
    /// Wraps every item, in order. A single failure fails the call; nothing is half done.
    fn wrap_batch<'a>(
        &'a self,
        items: &'a [KeyToWrap<'a>],
    ) -> BoxFuture<'a, Result<Vec<WrappedKey>, KeyWrapError>>;

    /// Opens every item, with one answer per item in order, so that one bad item does not hide the others.
    /// The outer error means that no item was answered.
    fn unwrap_batch<'a>(&'a self, items: &'a [KeyToUnwrap<'a>]) -> BoxFuture<'a, UnwrapResult>;

    /// Wraps and opens a throw-away key: the only proof that both work at this moment. (A full audit disk
    /// leaves OpenBao's own health check green.)
    fn canary(&self) -> BoxFuture<'_, Result<(), KeyWrapError>>;

    /// Whether a newer version of the wrapping key exists than the one `wrapped` is under, as far as was seen.
    fn is_outdated(&self, wrapped: &WrappedKey) -> bool;

    /// What this wrapper is.
    fn describe(&self) -> WrapperDescription;
}

/// The answer to [`KeyWrapper::unwrap_batch`].
pub type UnwrapResult = Result<Vec<Result<DataKey, KeyWrapError>>, KeyWrapError>;

/// Why a key could not be wrapped or opened, split by what the caller can do. The texts are our own or
/// fixed texts of the key service; they hold no key and no ciphertext.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyWrapError {
    /// Sealed, unreachable, without a leader or failing inside: try again later.
    #[error("the key service is unavailable: {0}")]
    Unavailable(Cow<'static, str>),
    /// Our credential is refused: an operator has to act.
    #[error("the key service refuses our credential: {0}")]
    Denied(Cow<'static, str>),
    /// The wrapped key does not open: altered, moved to another place, or wrapped by a key that this
    /// service does not have (a restore of an older state, say).
    #[error("the wrapped key does not open: {0}")]
    Corrupt(Cow<'static, str>),
    /// A defect or a misconfiguration.
    #[error("the key service cannot be used: {0}")]
    Internal(Cow<'static, str>),
}

impl KeyWrapError {
    /// Whether the key service did not do its work, as opposed to having found the wrapped key to be bad: the
    /// same call may succeed once the service, our credential or its configuration is back in order.
    pub fn is_outage(&self) -> bool {
        !matches!(self, Self::Corrupt(_))
    }
}
