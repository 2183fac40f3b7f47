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
use sealpost_protocol::wire::entry::Kind;
use tokio::sync::watch;
use tokio::time::sleep;

use super::core::{Progress, SpaceCore};
use super::handle::Handle;
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
        space,
        after,
        until: until.unwrap_or(u64::MAX),
        next_seq: after.seq.saturating_sub(1),
        closed_epoch: None,
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
    ready: VecDeque<Result<Delivered, Error>>,
    failed: Option<Error>,
    ended: bool,
}

/// An event with the key that opens it.
struct Openable {
    at: Cursor,
    event: ParsedEvent,
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
        let mut entries = self
            .core()
            .read(move |log| log.entries_after(from, BATCH_ENTRIES, BATCH_BYTES))
            .await?;
        entries.retain(|entry| entry.at.seq <= until);
        if entries.is_empty() {
            return self.wait_for_more().await;
        }
        let openable = self.prepare(entries).await?;
        let (space_id, after) = (self.core().space_id, self.after);
        let opened = blocking::run(move || open_all(space_id, after, &openable)).await;
        self.ready.extend(opened);
        Ok(())
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

    /// Finds the key of each event. What comes before a failure is still delivered.
    async fn prepare(&mut self, entries: Vec<StoredEntry>) -> Result<Vec<Openable>, Error> {
        let mut openable = Vec::with_capacity(entries.len());
        for entry in entries {
            match self.openable(&entry).await {
                Ok(found) => openable.extend(found),
                Err(error) if openable.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
            self.next_seq = entry.at.seq;
        }
        Ok(openable)
    }

    async fn openable(&mut self, entry: &StoredEntry) -> Result<Option<Openable>, Error> {
        let Some(Kind::Event(event)) = &entry.entry.kind else {
            return Ok(None);
        };
        let event = ParsedEvent::parse(event).map_err(|_| StoreError::Damaged { table: "entry" })?;
        if event.ciphertext().is_none() {
            self.expect_retention(entry).await?;
            return Ok(None);
        }
        let epoch = event.header.epoch;
        if self.closed_epoch == Some(epoch) {
            return Ok(None);
        }
        let Some(key) = self.key(epoch).await? else {
            self.closed_epoch = Some(epoch);
            return Ok(None);
        };
        let at = entry.at;
        Ok(Some(Openable { at, event, key }))
    }

    /// Retention drops contents. In a space that never had any, a relay that serves an event without its content hides it.
    async fn expect_retention(&self, entry: &StoredEntry) -> Result<(), Error> {
        let (core, event_id) = (self.core(), entry.event_id);
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
        let alarm = Alarm::at(what, core.space_id, entry.at.seq, Some(entry.event_id));
        core.raise(alarm.clone(), entry.entry.encode_to_vec()).await;
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
        .flat_map(|openable| open_one(space_id, openable.at, &openable.event, &openable.key))
        .filter(|item| match item {
            Ok(message) => message.cursor.position > after || after == Position::START,
            Err(Error::Unreadable { seq, .. }) => *seq > after.seq,
            Err(_) => true,
        })
        .collect()
}

/// The messages of an event.
pub(super) fn open_one(
    space_id: SpaceId,
    at: Cursor,
    event: &ParsedEvent,
    key: &EpochKey,
) -> Vec<Result<Delivered, Error>> {
    match open_content(key, event) {
        Ok(Some(content)) => delivered(space_id, at, event, content).map(Ok).collect(),
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
