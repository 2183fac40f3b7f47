//! Parcels that wait to be sent: a bounded number of bytes, in bounded batches, a bounded number of times a second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sqlx::postgres::PgPool;
use tokio::sync::Notify;

use super::{PARCELS, notify, parts};
use crate::bus::Parcel;

/// Bytes that wait; of more, the oldest parcels are dropped.
const WAITING_BYTES: usize = 256 * 1024;
/// Bytes in one transaction. With [`PAUSE`] this is some 3 MB a second at most.
const BATCH_BYTES: usize = parts::MAX_BATCH_BYTES;
/// Time between two transactions: each takes a lock of the whole server for a moment, which hints need too.
const PAUSE: Duration = Duration::from_millis(20);

/// What is to be sent, in order.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    parcels: VecDeque<Parcel>,
    bytes: usize,
}

impl Outbox {
    pub(super) fn add(&self, parcel: Parcel) {
        let length = parts::length(&parcel);
        if length > BATCH_BYTES {
            return;
        }
        let mut waiting = self.waiting();
        waiting.bytes += length;
        waiting.parcels.push_back(parcel);
        while waiting.bytes > WAITING_BYTES {
            waiting.pop();
        }
        self.filled.notify_one();
    }

    /// Waits until there is something, and takes as much of it as one batch may have.
    async fn take(&self) -> Vec<Parcel> {
        loop {
            let batch = self.waiting().take();
            if !batch.is_empty() {
                return batch;
            }
            self.filled.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

impl Waiting {
    fn pop(&mut self) -> Option<Parcel> {
        let parcel = self.parcels.pop_front()?;
        self.bytes -= parts::length(&parcel);
        Some(parcel)
    }

    fn take(&mut self) -> Vec<Parcel> {
        let (mut batch, mut room) = (Vec::new(), BATCH_BYTES);
        while let Some(next) = self.parcels.front() {
            let Some(left) = room.checked_sub(parts::length(next)) else {
                break;
            };
            room = left;
            batch.extend(self.pop());
        }
        batch
    }
}

/// Sends what has gathered, again and again.
pub(super) async fn send(relay: u64, pool: PgPool, outbox: Arc<Outbox>) {
    for batch in 0_u64.. {
        let parcels = outbox.take().await;
        notify(&pool, PARCELS, &parts::encode(relay, batch, &parcels)).await;
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sealpost_protocol::ids::SpaceId;

    use super::*;

    fn parcel(number: u8, length: usize) -> Parcel {
        Parcel {
            space_id: SpaceId::new([number; 32]),
            sealed: Bytes::from(vec![number; length]),
        }
    }

    fn numbers(parcels: &[Parcel]) -> Vec<u8> {
        parcels.iter().map(|parcel| parcel.sealed[0]).collect()
    }

    #[tokio::test]
    async fn of_more_than_may_wait_the_newest_are_kept_in_order() {
        let outbox = Outbox::default();
        (0..=200).for_each(|number| outbox.add(parcel(number, 9_000)));
        assert!(outbox.waiting().bytes <= WAITING_BYTES);
        let mut sent = Vec::new();
        while outbox.waiting().bytes > 0 {
            let batch = outbox.take().await;
            assert!(batch.iter().map(parts::length).sum::<usize>() <= BATCH_BYTES);
            sent.extend(numbers(&batch));
        }
        assert_eq!(sent, ((201 - sent.len() as u8)..=200).collect::<Vec<_>>());
        assert!(sent.len() > 20);
    }

    #[tokio::test]
    async fn what_no_batch_could_hold_holds_nothing_up() {
        let outbox = Outbox::default();
        outbox.add(parcel(1, BATCH_BYTES));
        outbox.add(parcel(2, 10));
        assert_eq!(numbers(&outbox.take().await), [2]);
    }
}
