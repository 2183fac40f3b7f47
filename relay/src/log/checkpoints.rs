//! Checkpoints: the relay's signed word on where a log ends, for members to show each other.

use std::sync::Mutex;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use sealpost_protocol::checkpoint::Checkpoint;
use sealpost_protocol::ids::{Incarnation, SpaceId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::SignedCheckpoint;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::{LogError, LogService};
use crate::atrest::{DataKeyError, DataKeys, KeyScope};
use crate::spaces::AuthenticatedPrincipal;

/// A space has no more than one new checkpoint in this time.
const SIGNED_EVERY: Duration = Duration::from_secs(1);

/// Signs checkpoints. The key is fetched when it is first needed and kept.
pub(super) struct Checkpoints {
    key: OnceCell<SigningKey>,
    incarnation: Incarnation,
}

/// The last checkpoint of a space.
#[derive(Default)]
pub(super) struct LastCheckpoint(Mutex<Option<(Instant, SignedCheckpoint)>>);

impl Checkpoints {
    pub(super) fn new(incarnation: Incarnation) -> Self {
        Self {
            key: OnceCell::new(),
            incarnation,
        }
    }

    /// The key; created once in the life of a database.
    pub(super) async fn key(&self, data_keys: &DataKeys) -> Result<&SigningKey, DataKeyError> {
        self.key
            .get_or_try_init(async || {
                let key = data_keys.open_or_create(KeyScope::Checkpoint).await?;
                Ok(SigningKey::from_bytes(key.expose_bytes()))
            })
            .await
    }

    fn sign(&self, space_id: SpaceId, at: Cursor, key: &SigningKey) -> SignedCheckpoint {
        let checkpoint = Checkpoint {
            space_id,
            incarnation: self.incarnation,
            at,
        };
        checkpoint.sign(key)
    }
}

impl LastCheckpoint {
    /// The last one, or a new one if that is old.
    fn or_new(&self, sign: impl FnOnce() -> SignedCheckpoint) -> SignedCheckpoint {
        let now = Instant::now();
        let mut last = self.0.lock().expect("signing does not panic");
        if let Some((signed_at, checkpoint)) = &*last
            && now < *signed_at + SIGNED_EVERY
        {
            return checkpoint.clone();
        }
        let checkpoint = sign();
        *last = Some((now, checkpoint.clone()));
        checkpoint
    }
}

impl LogService {
    /// Where a log ends, or ended within the last second, signed.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], [`LogError::RateLimited`]; why the log cannot be read to its end.
    pub async fn checkpoint(
        &self,
        member: &AuthenticatedPrincipal,
        space_id: SpaceId,
    ) -> Result<SignedCheckpoint, LogError> {
        let shared = &self.shared;
        let _turn = shared.look_ups.turn(member.party()).await?;
        let principal = member.principal_id();
        let head = self
            .with_view(space_id, |view| {
                view.membership.check_member(&principal)?;
                view.end.clone().map_or(Ok(view.head), Err)
            })
            .await?;
        let key = shared.checkpoint_key().await?;
        let space = shared.spaces.get(space_id);
        let sign = || shared.checkpoints.sign(space_id, head, key);
        Ok(space.checkpoint.or_new(sign))
    }

    /// The public half of the key that signs checkpoints.
    ///
    /// # Errors
    /// [`LogError::KmsUnavailable`] as long as it was not opened.
    pub async fn checkpoint_key(&self) -> Result<PublicKey, LogError> {
        self.shared.checkpoint_key().await.map(PublicKey::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_space_is_signed_for_once_a_second() {
        let (last, mut signed) = (LastCheckpoint::default(), 0);
        let mut ask = |number: u8| {
            let checkpoint = SignedCheckpoint {
                checkpoint: vec![number].into(),
                ..SignedCheckpoint::default()
            };
            last.or_new(|| {
                signed += 1;
                checkpoint
            })
        };
        assert_eq!(ask(1), ask(2));
        tokio::time::advance(SIGNED_EVERY).await;
        assert_eq!(ask(3).checkpoint[..], [3]);
        assert_eq!(signed, 2);
    }
}
