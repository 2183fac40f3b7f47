//! Numbered messages, and the ledger of their acks.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use sealpost_sdk::{Message, Packing, Position, Sent, Space};
use tokio::sync::watch;

use crate::people::Person;

/// How many there are.
pub const MESSAGES: u64 = 2_000;

/// Sends numbered messages, one per event; the ledger keeps each ack, and `acked` tells how many there are.
pub struct Numbered {
    ledger: Arc<Mutex<Vec<Sent>>>,
    acked: watch::Receiver<u64>,
    sending: tokio::task::JoinHandle<u64>,
}

impl Numbered {
    pub fn start(space: &Space) -> Self {
        let (tell, acked) = watch::channel(0);
        let ledger = Arc::<Mutex<Vec<Sent>>>::default();
        let kept = Arc::clone(&ledger);
        let mut sender = space.sender(Packing::OnePerEvent).on_acked(move |sent, count| {
            kept.lock().unwrap().push(*sent);
            tell.send_replace(count);
        });
        let sending = tokio::spawn(async move {
            for number in 0..MESSAGES {
                sender.feed(Message::text(number.to_string())).await.unwrap();
            }
            sender.flush().await.unwrap()
        });
        Self {
            ledger,
            acked,
            sending,
        }
    }

    pub async fn until_acked(&mut self, count: u64) {
        self.acked.wait_for(|acked| *acked >= count).await.unwrap();
    }

    /// Waits for the last ack, then holds the ledger against what a new device reads.
    pub async fn expect_each_once(self, person: &Person, space: &Space) {
        assert_eq!(self.sending.await.unwrap(), MESSAGES);
        let client = person.new_device("auditor").await;
        let audited = client.space(space.id()).await.unwrap();
        let mut messages = audited.subscribe(Position::START);
        let ledger = self.ledger.lock().unwrap().clone();
        for (number, acked) in ledger.iter().enumerate() {
            let message = messages.next().await.unwrap().unwrap();
            assert_eq!(
                message.body,
                number.to_string().into_bytes(),
                "lost, doubled or out of order"
            );
            assert_eq!((message.seq, message.event_id), (acked.seq, acked.event_id));
        }
        let first = ledger[0].seq;
        assert_eq!(audited.sync().await.unwrap().seq, first + MESSAGES - 1, "gaps");
    }
}
