//! What an adapter's listeners and receivers have in common: an ear that may miss something.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{BusClosed, Heard, Listener, Parcel, Receiver};

/// Hears one kind of thing.
pub(super) trait Ear<T>: Send {
    /// What is next; `None` where some of it was dropped. May be cancelled.
    fn hear(&mut self) -> impl Future<Output = Result<Option<T>, BusClosed>> + Send;
}

/// Who is behind hears a gap.
pub(super) struct OfHints<E>(pub(super) E);

/// Who is behind misses the oldest.
pub(super) struct OfParcels<E>(pub(super) E);

impl<E: Ear<Heard>> Listener for OfHints<E> {
    fn next(&mut self) -> BoxFuture<'_, Result<Heard, BusClosed>> {
        async { Ok(self.0.hear().await?.unwrap_or(Heard::Gap)) }.boxed()
    }
}

impl<E: Ear<Parcel>> Receiver for OfParcels<E> {
    fn next(&mut self) -> BoxFuture<'_, Result<Parcel, BusClosed>> {
        async {
            loop {
                if let Some(parcel) = self.0.hear().await? {
                    return Ok(parcel);
                }
            }
        }
        .boxed()
    }
}

/// The next of a channel; `None` where some of it was dropped.
pub(super) async fn receive<T: Clone>(receiver: &mut broadcast::Receiver<T>) -> Result<Option<T>, BusClosed> {
    match receiver.recv().await {
        Ok(said) => Ok(Some(said)),
        Err(RecvError::Lagged(_)) => Ok(None),
        Err(RecvError::Closed) => Err(BusClosed),
    }
}
