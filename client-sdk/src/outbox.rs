//! Sending: messages are packed, sealed and signed, put on disk, and resent as they are until the relay acks them.
//!
//! One task per open space sends, and one process at a time per space of a home ([`lock`]): a writer chain has one end.
//! A short pipeline of flights is in the air; what gathers meanwhile goes into the next event. When a flight fails, the
//! task waits for the others to land, finds out from the verified log what became of its events, and goes on from there.

mod failure;
mod flight;
mod lock;
mod resolve;
mod seal;
mod unsent;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use rand::{CryptoRng, Rng};
use sealpost_protocol::ids::{EventId, WriterId};
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc, oneshot};

use crate::backoff::Backoff;
use crate::content::Message;
use crate::entropy;
use crate::error::Error;
use crate::space::core::SpaceCore;
use crate::space::stop::Stop;
use crate::store::outbox::OutboxRow;
use failure::Failure;
use flight::Flight;
use lock::SendLock;

pub use lock::HomeKept;
pub(crate) use lock::NobodySends;
pub use unsent::{GivenUp, Unsent};
pub(crate) use unsent::{await_turn, keep_unsent, to_give_up};

/// Flights in the air at once.
const MAX_FLIGHTS: usize = 2;
/// Messages gathered while the pipeline is full.
const MAX_GATHERED: usize = 1024;

/// Where a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The event that carries it.
    pub event_id: EventId,
    /// The event's place in the space's log.
    pub seq: u64,
    /// The message's place in the event, from 0.
    pub index: u32,
}

/// Told once, when the message is acked or cannot be sent.
pub(crate) type Done = Box<dyn FnOnce(Result<Sent, Stop>) + Send>;

/// A message on its way to the task.
pub(crate) struct Outgoing {
    pub(crate) message: Message,
    /// Goes into an event of its own.
    pub(crate) alone: bool,
    pub(crate) done: Done,
    /// Its share of the bytes that may gather.
    #[expect(dead_code, reason = "dropping it gives the share back")]
    pub(crate) room: OwnedSemaphorePermit,
}

/// What an open space asks of its task.
pub(crate) enum Ask {
    /// Send a message.
    Send(Outgoing),
    /// Say when nothing is left to send, or why it cannot be sent.
    Flush(oneshot::Sender<Result<(), Stop>>),
}

/// Sends what comes out of `queue`, and what an earlier process left behind, until the space is closed.
pub(crate) async fn run(
    core: Arc<SpaceCore>,
    queue: mpsc::Receiver<Ask>,
    rng: impl CryptoRng + Send + 'static,
) {
    let closing = core.closing.clone();
    let mut outbox = Outbox::new(core, queue, rng);
    let settling = Arc::clone(&outbox.settling);
    let closed = async {
        closing.cancelled().await;
        settling.lock().await
    };
    tokio::select! {
        _between_answers = closed => {}
        () = outbox.run() => {}
    }
    outbox.tell_what_stands();
}

/// Waits until something of the space is verified. Of one that the relay does not serve, not even the lock is made.
async fn wait_for_beginning(core: &SpaceCore) -> Result<(), Stop> {
    let mut progress = core.progress();
    let begun = progress.wait_for(|now| now.cursor.seq > 0 || now.stopped.is_some());
    let now = begun.await.expect("the core holds the sender");
    match &now.stopped {
        Some(stop) if now.cursor.seq == 0 => Err(stop.clone()),
        _ => Ok(()),
    }
}

/// Who waits for the messages of one outbox row, in their order.
struct Waiting {
    told: Vec<Done>,
    /// Where the event stands, once that is known.
    stands: Option<(EventId, u64)>,
    /// Whether the relay may have it although it has not acked it.
    may_stand: bool,
}

impl Waiting {
    fn tell(self, event_id: EventId, seq: u64) {
        for (index, done) in (0..).zip(self.told) {
            done(Ok(Sent { event_id, seq, index }));
        }
    }

    fn fail(self, stop: &Stop) {
        for done in self.told {
            done(Err(stop.clone()));
        }
    }
}

struct Outbox<R> {
    core: Arc<SpaceCore>,
    queue: mpsc::Receiver<Ask>,
    backoff: Backoff<R>,
    /// Not sealed yet.
    gathered: VecDeque<Outgoing>,
    /// Who waits until nothing is left.
    flushing: Vec<oneshot::Sender<Result<(), Stop>>>,
    /// Held while this task extends the chain, and by each write that does, should the task end before it.
    lock: Option<Arc<SendLock>>,
    /// Who waits for the messages of an outbox row, by the row's number.
    waiting: BTreeMap<i64, Waiting>,
    flights: FuturesOrdered<Flight>,
    /// Held while what became of events is written down and told: whoever closes the space then counts each message either
    /// as told or as kept.
    settling: Arc<Mutex<()>>,
    /// Refusals in a row that the verified log does not explain.
    strikes: u32,
}

impl<R: Rng> Outbox<R> {
    fn new(core: Arc<SpaceCore>, queue: mpsc::Receiver<Ask>, rng: R) -> Self {
        Self {
            core,
            queue,
            backoff: Backoff::new(rng),
            gathered: VecDeque::new(),
            flushing: Vec::new(),
            lock: None,
            waiting: BTreeMap::new(),
            flights: FuturesOrdered::new(),
            settling: Arc::default(),
            strikes: 0,
        }
    }

    async fn run(&mut self) {
        let mut left_behind = self.has_unacked().await;
        loop {
            if !left_behind && !self.gather_first().await {
                return;
            }
            left_behind = false;
            if let Err(stop) = wait_for_beginning(&self.core).await {
                self.fail_all(&stop).await;
                continue;
            }
            match SendLock::acquire(self.core.client.store.home(), &self.core.space_id).await {
                Ok(lock) => self.work(lock).await,
                Err(error) => self.fail_all(&Stop::from_error(error)).await,
            }
        }
    }

    /// Sends until nothing is left, or until it cannot go on.
    async fn work(&mut self, lock: SendLock) {
        self.lock = Some(Arc::new(lock));
        while let Err(failure) = self.pump().await {
            self.land_the_rest().await;
            if let Err(stop) = self.recover(failure).await {
                self.fail_all(&stop).await;
                break;
            }
        }
        self.lock = None;
        for flushed in self.flushing.drain(..) {
            // Whoever asked may have gone away.
            let _ = flushed.send(Ok(()));
        }
    }

    async fn pump(&mut self) -> Result<(), Failure> {
        let Some(unsent) = self.resolve().await? else {
            return Ok(());
        };
        let mut unsent = VecDeque::from(unsent);
        loop {
            self.fill_pipeline(&mut unsent).await?;
            if self.flights.is_empty() && self.gathered.is_empty() && self.queue.is_empty() {
                return Ok(());
            }
            let room = self.gathered.len() < MAX_GATHERED;
            tokio::select! {
                Some(landed) = self.flights.next() => self.land(landed).await?,
                Some(ask) = self.queue.recv(), if room => self.gather(ask),
                else => return Ok(()),
            }
        }
    }

    /// What was signed before goes first, as it was signed.
    async fn fill_pipeline(&mut self, unsent: &mut VecDeque<OutboxRow>) -> Result<(), Failure> {
        while self.flights.len() < MAX_FLIGHTS {
            if let Some(stop) = &self.core.progress().borrow().stopped {
                return Err(Failure::Stopped(stop.clone()));
            }
            let rows = if unsent.is_empty() {
                self.seal_next().await?
            } else {
                flight::take_load(unsent)
            };
            if rows.is_empty() {
                break;
            }
            self.launch(&rows);
        }
        Ok(())
    }

    async fn has_unacked(&mut self) -> bool {
        let unacked = self.core.read(|log| log.unacked()).await;
        unacked.is_ok_and(|rows| !rows.is_empty())
    }

    /// Waits for a message; `false` once nobody can send one.
    async fn gather_first(&mut self) -> bool {
        match self.queue.recv().await {
            Some(ask) => {
                self.gather(ask);
                true
            }
            None => false,
        }
    }

    /// Takes what was asked and whatever has gathered behind it.
    fn gather(&mut self, first: Ask) {
        let mut next = Some(first);
        while let Some(ask) = next {
            match ask {
                Ask::Send(outgoing) => self.gathered.push_back(outgoing),
                Ask::Flush(flushed) => self.flushing.push(flushed),
            }
            let room = self.gathered.len() < MAX_GATHERED;
            next = room.then(|| self.queue.try_recv().ok()).flatten();
        }
    }

    /// Tells everyone who waits. What was signed stays in the outbox and goes out once it can; unless this member has lost the right
    /// to write it.
    async fn fail_all(&mut self, stop: &Stop) {
        self.tell_what_stands();
        if stop.ends_writing() {
            self.take_back().await;
        }
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            waiting.fail(stop);
        }
        for outgoing in self.gathered.drain(..) {
            (outgoing.done)(Err(stop.clone()));
        }
        for flushed in self.flushing.drain(..) {
            // Whoever asked may have gone away.
            let _ = flushed.send(Err(stop.clone()));
        }
    }

    /// Gives up what was signed in vain: it is certain that the relay has not got it, and who wanted it said is told so now. The
    /// outcome is that of a device that had known before, and had signed nothing.
    async fn take_back(&mut self) {
        let in_vain = |waiting: &Waiting| waiting.stands.is_none() && !waiting.may_stand;
        let told = self.waiting.iter().filter(|(_, waiting)| in_vain(waiting));
        let numbers: Vec<i64> = told.map(|(number, _)| *number).collect();
        if numbers.is_empty() {
            return;
        }
        let _settling = Arc::clone(&self.settling).lock_owned().await;
        let lock = self.lock.clone();
        let taken_back = self.core.write(move |log, _| {
            let _held = lock;
            for number in numbers {
                log.remove_event(number)?;
            }
            // Nothing is ever signed in their place.
            log.put_own_writer(&WriterId::new(entropy::draw(&mut entropy::system())))
        });
        if let Err(error) = taken_back.await {
            tracing::warn!(space.id = %self.core.space_id, error = %error, "what was refused stays in the outbox");
        }
    }

    /// Tells of what stands in the log behind something whose fate is not known.
    fn tell_what_stands(&mut self) {
        for (number, waiting) in std::mem::take(&mut self.waiting) {
            match waiting.stands {
                Some((event_id, seq)) => waiting.tell(event_id, seq),
                None => drop(self.waiting.insert(number, waiting)),
            }
        }
    }

    /// An event stands in the log. Whoever waits is told in the order of the messages: an answer that was lost may come
    /// after one that was not.
    fn tell(&mut self, number: i64, event_id: EventId, seq: u64) {
        if let Some(waiting) = self.waiting.get_mut(&number) {
            waiting.stands = Some((event_id, seq));
        }
        while let Some(first) = self.waiting.first_entry() {
            let Some((event_id, seq)) = first.get().stands else {
                break;
            };
            first.remove().tell(event_id, seq);
        }
    }
}

/// A failure of the store or the engine, as the task takes it.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Network(_) => Self::Lost,
            Error::Refused(refusal) => failure::of_refusal(refusal),
            other => Self::Stopped(Stop::from_error(other)),
        }
    }
}

#[cfg(test)]
mod tests;
