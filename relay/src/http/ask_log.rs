//! What the HTTP API asks the logs.

use futures_util::future::BoxFuture;
use sealpost_protocol::{http::SpaceView, ids::PrincipalId, keys::PublicKey};

use crate::{log::LogError, store_failure::StoreFailure};

/// Who knows the logs.
pub trait AskLog: Send + Sync {
    /// The spaces of which a principal is a member, in any order.
    fn spaces_of(&self, principal_id: PrincipalId) -> BoxFuture<'_, Result<Vec<SpaceView>, StoreFailure>>;

    /// The key under which checkpoints are signed.
    fn checkpoint_key(&self) -> BoxFuture<'_, Result<PublicKey, LogError>>;
}
