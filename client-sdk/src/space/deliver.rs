//! Messages in order, each once: from the local store as far as it reaches, then as they are verified.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use prost::Message as _;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::ids::{EventId, PrincipalId, Root, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire;
use sealpost_protocol::wire::entry::Kind;
use tokio::sync::watch;
use tokio::time::sleep;

use super::core::{Progress, SpaceCore};
use super::handle::Handle;
use super::tail::{PlacedEvent, Reading};
use crate::backoff::Backoff;
use crate::blocking;
use crate::content::{Content, open_content};
use crate::entropy;
use crate::epoch::EpochKey;
use crate::error::{Alarm, Error, StoreError};
use crate::store::log::{SpaceLog, StoredEntry};

/// Entries read from the store at once, at most.
const BATCH_ENTRIES: usize = 256;
/// Bytes read from the store at once, about.
const BATCH_BYTES: usize = 1024 * 1024;

/// A place between messages: behind the message `index` (from 0) of the event at `seq`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Place of the event in the space's log; 0 stands before the first.
    pub seq: u64,
    /// Place of the message in the event, from 0.
    pub index: u32,
}

impl Position {
    /// Before the first message.
    pub const START: Self = Self { seq: 0, index: 0 };

    /// Behind all messages of the event at `seq`.
    #[must_use]
    pub const fn after_event(seq: u64) -> Self {
        Self { seq, index: u32::MAX }
    }
}

/// A place between messages, with what the log hashed to there: the cursor an application keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageCursor {
    /// The place.
    pub position: Position,
    /// The log's root at its seq.
    pub root: Root,
}

/// One verified message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The space.
    pub space_id: SpaceId,
    /// Place of its event in the space's log.
    pub seq: u64,
    /// Its place in the event, from 0.
    pub index: u32,
    /// The event.
    pub event_id: EventId,
    /// Who wrote and signed it.
    pub author: PrincipalId,
    /// When the author says it was written, in Unix milliseconds. Nobody vouches for it.
    pub author_time_ms: u64,
    /// Media type of the body.
    pub content_type: String,
    /// The bytes, as they were given to `send`.
    pub body: Bytes,
    /// The event that carried it first, where its author published it again after that was lost.
    pub first_event_id: Option<EventId>,
    /// Where a reader stands who has read it.
    pub cursor: MessageCursor,
}

/// Messages of a space, without end. After an error other than [`Error::Unreadable`] it ends.
pub type Messages = Pin<Box<dyn Stream<Item = Result<Delivered, Error>> + Send>>;

/// The stream of messages behind `after`, up to the event at `until` where that is given; it keeps the space open.
pub(super) fn messages(space: Arc<Handle>, after: Position, until: Option<u64>) -> Messages {
    let reader = Reader {
        progress: space.core().progress(),
        _reading: space.core().tail.begin_reading(),
        space,
        after,
        until: until.unwrap_or(u64::MAX),
        next_seq: after.seq.saturating_sub(1),
        closed_epoch: None,
        last_key: None,
        ready: VecDeque::new(),
        failed: None,
        ended: false,
    };
    Box::pin(stream::unfold(reader, |mut reader| async {
        let item = reader.next().await?;
        Some((item, reader))
    }))
}

struct Reader {
    space: Arc<Handle>,
    progress: watch::Receiver<Progress>,
    /// Nothing up to here is delivered.
    after: Position,
    /// Nothing behind this place is delivered.
    until: u64,
    /// Entries up to here were read.
    next_seq: u64,
    /// An epoch that is closed to this member: it is not asked for with every event.
    closed_epoch: Option<u64>,
    /// The key of the last event: most are of the same epoch.
    last_key: Option<Arc<EpochKey>>,
    ready: VecDeque<Result<Delivered, Error>>,
    failed: Option<Error>,
    ended: bool,
    _reading: Reading,
}

/// An event with the key that opens it.
struct Openable {
    placed: Arc<PlacedEvent>,
    key: Arc<EpochKey>,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<Delivered, Error>> {
        while !self.ended {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if let Some(error) = self.failed.take() {
                self.ended = true;
                return Some(Err(error));
            }
            if let Err(error) = self.fill().await {
                self.failed = Some(error);
            }
        }
        None
    }

    async fn fill(&mut self) -> Result<(), Error> {
        let (from, until) = (self.next_seq, self.until);
        if from >= until {
            self.ended = true;
            return Ok(());
        }
        let (last_seq, mut events) = match self.core().tail.behind(from) {
            Some(in_memory) => in_memory,
            None => self.read_stored(from).await?,
        };
        let last_seq = last_seq.min(until);
        events.retain(|placed| placed.at.seq <= until);
        if last_seq == from {
            return self.wait_for_more().await;
        }
        let openable = self.prepare(events, last_seq).await?;
        let (space_id, after) = (self.core().space_id, self.after);
        let opened = blocking::run(move || open_all(space_id, after, &openable)).await;
        self.ready.extend(opened);
        Ok(())
    }

    /// Events behind a place, and up to where was read.
    async fn read_stored(&self, from: u64) -> Result<(u64, Vec<Arc<PlacedEvent>>), Error> {
        let entries = self
            .core()
            .read(move |log| log.entries_after(from, BATCH_ENTRIES, BATCH_BYTES));
        let (mut last_seq, mut events) = (from, Vec::new());
        for stored in entries.await? {
            match placed(&stored) {
                Ok(found) => events.extend(found.map(Arc::new)),
                Err(error) if last_seq == from => return Err(error),
                // What comes before it is still delivered.
                Err(_) => break,
            }
            last_seq = stored.place.at.seq;
        }
        Ok((last_seq, events))
    }

    async fn wait_for_more(&mut self) -> Result<(), Error> {
        let from = self.next_seq;
        let more = self
            .progress
            .wait_for(|progress| progress.cursor.seq > from || progress.stopped.is_some())
            .await;
        match more {
            Ok(progress) if progress.cursor.seq > from => Ok(()),
            Ok(progress) => Err(progress.stopped.as_ref().expect("waited for either").to_error()),
            Err(_closed) => Err(Error::usage("the space was closed")),
        }
    }

    /// Finds the key of each event of those up to a place. What comes before a failure is still delivered.
    async fn prepare(
        &mut self,
        events: Vec<Arc<PlacedEvent>>,
        last_seq: u64,
    ) -> Result<Vec<Openable>, Error> {
        let mut openable = Vec::with_capacity(events.len());
        for placed in events {
            let seq = placed.at.seq;
            match self.openable(placed).await {
                Ok(found) => openable.extend(found),
                Err(error) if openable.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    return Ok(openable);
                }
            }
            self.next_seq = seq;
        }
        self.next_seq = last_seq;
        Ok(openable)
    }

    async fn openable(&mut self, placed: Arc<PlacedEvent>) -> Result<Option<Openable>, Error> {
        if placed.event.ciphertext().is_none() {
            self.expect_retention(&placed).await?;
            return Ok(None);
        }
        let epoch = placed.event.header.epoch;
        if self.closed_epoch == Some(epoch) {
            return Ok(None);
        }
        let known = self.last_key.as_ref().filter(|key| key.at().epoch == epoch);
        let key = match known {
            Some(key) => Some(Arc::clone(key)),
            None => self.key(epoch).await?,
        };
        match &key {
            Some(key) => self.last_key = Some(Arc::clone(key)),
            None => self.closed_epoch = Some(epoch),
        }
        Ok(key.map(|key| Openable { placed, key }))
    }

    /// Retention drops contents. In a space that never had any, a relay that serves an event without its content hides it.
    async fn expect_retention(&self, placed: &PlacedEvent) -> Result<(), Error> {
        let (core, event_id) = (self.core(), placed.event.id());
        let is_explained =
            move |log: &SpaceLog<'_>| Ok(log.has_had_retention()? || log.has_acknowledged(&event_id)?);
        if core.read(is_explained).await? {
            return Ok(());
        }
        // The policy may have been set behind what is verified so far.
        self.patiently(|| core.catch_up()).await?;
        if core.read(|log| log.has_had_retention()).await? {
            return Ok(());
        }
        let what = "the relay left out a content that the space's policy keeps";
        let alarm = Alarm::at(what, core.space_id, placed.at.seq, Some(event_id));
        let kind = Some(Kind::Event(placed.event.to_wire()));
        core.raise(alarm.clone(), wire::Entry { kind }.encode_to_vec())
            .await;
        Err(alarm.into())
    }

    /// Asks the relay again and again while it is away or busy: a stream outlasts that.
    async fn patiently<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut backoff = Backoff::new(entropy::system());
        loop {
            let hint = match ask().await {
                Err(Error::Network(error)) => match self.core().stopped() {
                    // The socket waits for the next connection by itself.
                    None => continue,
                    Some(stop) => {
                        tracing::debug!(error, "nothing more is asked of a space that has stopped");
                        return Err(stop.to_error());
                    }
                },
                Err(Error::Refused(refusal)) if refusal.code.is_some_and(ErrorCode::is_transient) => {
                    refusal.retry_after
                }
                result => return result,
            };
            sleep(backoff.next_delay(hint)).await;
        }
    }

    /// The key of an epoch; `None` for one that is closed to this member.
    async fn key(&self, epoch: u64) -> Result<Option<Arc<EpochKey>>, Error> {
        let core = self.core();
        let lacking = match self.sought_key(epoch).await {
            Ok(Some(key)) => return Ok(Some(key)),
            Ok(None) => core.no_key(epoch).await,
            // Who is out gets no more keys, and goes on with what it has.
            Err(error) if error.code() == Some(ErrorCode::NotAMember) => error,
            Err(error) => return Err(error),
        };
        match core.is_open_to_me(epoch).await? {
            true => Err(lacking),
            false => Ok(None),
        }
    }

    async fn sought_key(&self, epoch: u64) -> Result<Option<Arc<EpochKey>>, Error> {
        let core = self.core();
        if let Some(key) = self.patiently(|| core.epoch_key(epoch)).await? {
            return Ok(Some(key));
        }
        // Who came later gets the key of then and goes back from it: what is verified so far may end before that.
        self.patiently(|| core.catch_up()).await?;
        self.patiently(|| core.epoch_key(epoch)).await
    }

    fn core(&self) -> &SpaceCore {
        self.space.core()
    }
}

fn open_all(space_id: SpaceId, after: Position, events: &[Openable]) -> Vec<Result<Delivered, Error>> {
    events
        .iter()
        .flat_map(|openable| open_one(space_id, &openable.placed, &openable.key))
        .filter(|item| match item {
            Ok(message) => message.cursor.position > after || after == Position::START,
            Err(Error::Unreadable { seq, .. }) => *seq > after.seq,
            Err(_) => true,
        })
        .collect()
}

/// The event in an entry of the own store, if it is one.
pub(super) fn placed(stored: &StoredEntry) -> Result<Option<PlacedEvent>, Error> {
    let Some(Kind::Event(event)) = &stored.entry.kind else {
        return Ok(None);
    };
    let event = ParsedEvent::parse(event).map_err(|_| StoreError::Damaged { table: "segment" })?;
    let at = stored.place.at;
    Ok(Some(PlacedEvent { at, event }))
}

/// The messages of an event.
pub(super) fn open_one(
    space_id: SpaceId,
    placed: &PlacedEvent,
    key: &EpochKey,
) -> Vec<Result<Delivered, Error>> {
    let PlacedEvent { at, event } = placed;
    match open_content(key, event) {
        Ok(Some(content)) => delivered(space_id, *at, event, content).map(Ok).collect(),
        // Retention dropped it.
        Ok(None) => Vec::new(),
        Err(_unreadable) => vec![Err(Error::Unreadable {
            space_id,
            seq: at.seq,
            event_id: event.id(),
        })],
    }
}

fn delivered(
    space_id: SpaceId,
    at: Cursor,
    event: &ParsedEvent,
    content: Content,
) -> impl Iterator<Item = Delivered> + use<> {
    let Cursor { seq, root } = at;
    let (event_id, author) = (event.id(), event.header.principal_id);
    let author_time_ms = content.author_time_ms;
    (0..)
        .zip(content.messages)
        .map(move |(index, message)| Delivered {
            space_id,
            seq,
            index,
            event_id,
            author,
            author_time_ms,
            content_type: message.content_type,
            body: message.body,
            first_event_id: message.first_event_id,
            cursor: MessageCursor {
                position: Position { seq, index },
                root,
            },
        })
}
