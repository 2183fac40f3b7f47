//! Sending many messages: feed, and flush at the end.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::handle::Handle;
use crate::content::Message;
use crate::error::Error;
use crate::outbox::{Done, Sent};
use crate::space::stop::Stop;

/// How messages become events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// What gathers while two events are on their way is packed into the next one; no message waits for a timer.
    #[default]
    Natural,
    /// Each message gets an event of its own.
    OnePerEvent,
}

/// Feeds messages into a space, in order. Messages that were fed and not flushed are lost with the process, except those
/// that had reached the outbox.
pub struct Sender {
    handle: Arc<Handle>,
    packing: Packing,
    tally: Arc<Tally>,
    counts: watch::Receiver<Counts>,
    fed: u64,
}

/// Called for each message that the relay has acked, in order, with the number of acks so far.
pub type OnAcked = Box<dyn FnMut(&Sent, u64) + Send>;

/// What became of the messages.
struct Tally {
    counts: watch::Sender<Counts>,
    on_acked: Mutex<Option<OnAcked>>,
}

#[derive(Clone, Default)]
struct Counts {
    acked: u64,
    failed: Option<Stop>,
}

impl Sender {
    pub(super) fn new(handle: Arc<Handle>, packing: Packing) -> Self {
        let (sender, counts) = watch::channel(Counts::default());
        Self {
            handle,
            packing,
            tally: Arc::new(Tally {
                counts: sender,
                on_acked: Mutex::new(None),
            }),
            counts,
            fed: 0,
        }
    }

    /// Calls `on_acked` for each ack from now on. It runs on the sending task and must not block.
    #[must_use]
    pub fn on_acked(self, on_acked: impl FnMut(&Sent, u64) + Send + 'static) -> Self {
        let mut slot = self.tally.on_acked.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Box::new(on_acked));
        drop(slot);
        self
    }

    /// Hands a message over; waits while too much has gathered.
    ///
    /// # Errors
    /// [`Error::Usage`] if no event can carry it, or why an earlier message could not be sent.
    pub async fn feed(&mut self, message: Message) -> Result<(), Error> {
        self.check()?;
        let tally = Arc::clone(&self.tally);
        let done: Done = Box::new(move |result| tally.count(result));
        let alone = self.packing == Packing::OnePerEvent;
        self.handle.hand_over(message, alone, done).await?;
        self.fed += 1;
        Ok(())
    }

    /// Waits until the relay has acked everything that was fed; returns how many messages that is.
    ///
    /// # Errors
    /// Why a message could not be sent. What was signed by then stays in the outbox and goes out once it can.
    pub async fn flush(&mut self) -> Result<u64, Error> {
        let fed = self.fed;
        let mut counts = self.counts.clone();
        let counts = counts
            .wait_for(|counts| counts.acked >= fed || counts.failed.is_some())
            .await
            .expect("this sender holds the tally");
        match &counts.failed {
            Some(stop) if counts.acked < fed => Err(stop.to_error()),
            _ => Ok(counts.acked),
        }
    }

    /// How many messages the relay has acked.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.counts.borrow().acked
    }

    fn check(&self) -> Result<(), Error> {
        match &self.counts.borrow().failed {
            Some(stop) => Err(stop.to_error()),
            None => Ok(()),
        }
    }
}

impl Tally {
    fn count(&self, result: Result<Sent, Stop>) {
        match result {
            Ok(sent) => {
                // Told before it counts: whoever waits for the count has been told all of them.
                let acked = self.counts.borrow().acked + 1;
                let mut on_acked = self.on_acked.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(on_acked) = &mut *on_acked {
                    on_acked(&sent, acked);
                }
                drop(on_acked);
                self.counts.send_modify(|counts| counts.acked = acked);
            }
            Err(stop) => self.counts.send_modify(|counts| counts.failed = Some(stop)),
        }
    }
}
