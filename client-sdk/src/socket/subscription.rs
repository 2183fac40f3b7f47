//! What a subscription brings, on its way from the connection to who verifies it.

use std::sync::Arc;

use sealpost_protocol::wire;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::error::Error;

/// Pages that wait for one space's verification, and their bytes. When there are so many the socket is not read, so that the relay
/// stops sending.
const PAGE_QUEUE: usize = 64;
const PAGE_QUEUE_BYTES: usize = 256 * 1024;

/// What a subscription brings, in order; nothing comes after `Ended`.
#[derive(Debug)]
pub(crate) enum SubscriptionEvent {
    /// It stands; this is the relay's head.
    Started(wire::Subscribed),
    /// The next entries.
    Page(wire::Page),
    /// A member waits for a wrap.
    WrapWanted,
    /// The relay refused or ended it, or the connection is gone.
    Ended(Error),
}

/// An event and the room that it takes.
type Queued = (SubscriptionEvent, Option<OwnedSemaphorePermit>);

/// The connection's end.
#[derive(Clone)]
pub(super) struct Events {
    queue: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

/// Entries of one space from a cursor on. Dropped, it ends.
pub(crate) struct Subscription {
    queue: mpsc::Receiver<Queued>,
    /// What was found behind pages that were taken together.
    held: Option<SubscriptionEvent>,
}

/// Both ends of a new one.
pub(super) fn subscription() -> (Events, Subscription) {
    let (sender, queue) = mpsc::channel(PAGE_QUEUE);
    let room = Arc::new(Semaphore::new(PAGE_QUEUE_BYTES));
    let events = Events { queue: sender, room };
    (events, Subscription { queue, held: None })
}

impl Events {
    /// Hands over an event that came in a frame of so many bytes, once there is room for it; says whether somebody takes it.
    pub(super) async fn send(&self, event: SubscriptionEvent, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes.min(PAGE_QUEUE_BYTES)).expect("the queue is far below 4 GiB");
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        let room = room.expect("the semaphore is never closed");
        self.queue.send((event, Some(room))).await.is_ok()
    }

    /// Says that it has ended, if there is room to.
    pub(super) fn end(&self, error: Error) {
        drop(self.queue.try_send((SubscriptionEvent::Ended(error), None)));
    }

    /// Whether nobody takes anything any more.
    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

impl Subscription {
    /// What comes next.
    pub(crate) async fn next(&mut self) -> SubscriptionEvent {
        if let Some(held) = self.held.take() {
            return held;
        }
        match self.queue.recv().await {
            Some((event, _room)) => event,
            None => SubscriptionEvent::Ended(Error::network("the subscription ended")),
        }
    }

    /// The next page, if it is here already and `takes` it.
    pub(crate) fn next_page_if(&mut self, takes: impl FnOnce(&wire::Page) -> bool) -> Option<wire::Page> {
        if self.held.is_none() {
            self.held = self.queue.try_recv().ok().map(|(event, _room)| event);
        }
        match self.held.take()? {
            SubscriptionEvent::Page(page) if takes(&page) => Some(page),
            other => {
                self.held = Some(other);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn page(first_seq: u64) -> wire::Page {
        wire::Page {
            first_seq,
            ..wire::Page::default()
        }
    }

    #[tokio::test]
    async fn what_is_not_taken_together_comes_next() {
        let (events, mut subscription) = subscription();
        for event in [
            SubscriptionEvent::Page(page(1)),
            SubscriptionEvent::Page(page(2)),
            SubscriptionEvent::WrapWanted,
        ] {
            assert!(events.send(event, 1).await);
        }
        assert_eq!(subscription.next_page_if(|_| true), Some(page(1)));
        assert_eq!(subscription.next_page_if(|_| false), None);
        assert_eq!(subscription.next_page_if(|_| true), Some(page(2)));
        assert_eq!(subscription.next_page_if(|_| true), None);
        assert!(matches!(subscription.next().await, SubscriptionEvent::WrapWanted));
        assert_eq!(subscription.next_page_if(|_| true), None);
    }

    #[tokio::test]
    async fn so_many_bytes_wait_and_no_more() {
        let (events, mut subscription) = subscription();
        let send = |bytes| events.send(SubscriptionEvent::WrapWanted, bytes);
        assert!(send(PAGE_QUEUE_BYTES + 1).await, "one that is longer waits alone");
        assert_eq!(send(1).now_or_never(), None);
        subscription.next().await;
        assert!(send(1).await);
        drop(subscription);
        assert!(!send(1).await);
    }
}
