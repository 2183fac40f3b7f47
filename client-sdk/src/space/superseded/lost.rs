//! What a view that was set aside has and the log that goes on lacks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures_util::stream;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::ids::{EventId, SpaceId};

use crate::blocking;
use crate::content::{Message, open_content};
use crate::epoch::EpochKey;
use crate::error::{Error, StoreError};
use crate::space::api::Space;
use crate::space::core::SpaceCore;
use crate::space::deliver::{Delivered, Messages, open_one, placed};
use crate::space::tail::PlacedEvent;
use crate::store::log::{SpaceLog, StoredEntry};

/// Entries read from the store at once, at most.
const BATCH_ENTRIES: usize = 256;
/// Bytes read from the store at once, about.
const BATCH_BYTES: usize = 1024 * 1024;

impl Space {
    /// The messages that this device had verified and the log lacks with which the space goes on, as far as that was read: in their old
    /// order, under their old places. Of several views that were set aside, those of the oldest come first; what was published again
    /// and lost again comes with each.
    ///
    /// An item may be [`Error::Unreadable`]; after any other error it ends.
    #[must_use]
    pub fn lost(&self) -> Messages {
        messages(Reader::new(self, 0, usize::MAX))
    }

    /// The same of one view that was set aside.
    pub(super) fn lost_in(&self, view: usize) -> Messages {
        messages(Reader::new(self, view, view))
    }
}

fn messages(reader: Reader) -> Messages {
    Box::pin(stream::unfold(reader, |mut reader| async {
        let item = reader.next().await?;
        Some((item, reader))
    }))
}

struct Reader {
    space: Space,
    /// Which view is read, of those that were set aside.
    view: usize,
    /// The last one to be read.
    last: usize,
    /// Up to where it was read.
    after: u64,
    ready: VecDeque<Result<Delivered, Error>>,
    ended: bool,
}

impl Reader {
    fn new(space: &Space, view: usize, last: usize) -> Self {
        Self {
            space: space.clone(),
            view,
            last,
            after: 0,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    async fn next(&mut self) -> Option<Result<Delivered, Error>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.fill().await {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Error> {
        let found = self.space.core().lost_behind(self.view, self.after).await?;
        match found {
            Batch::Events(last, events) => {
                let space_id = self.space.id();
                let open = move || events.iter().flat_map(|event| event.open(space_id)).collect();
                let opened: Vec<_> = blocking::run(open).await;
                self.after = last;
                self.ready.extend(opened);
            }
            Batch::EndOfView if self.view < self.last => (self.view, self.after) = (self.view + 1, 0),
            Batch::EndOfView | Batch::NoView => self.ended = true,
        }
        Ok(())
    }
}

/// What comes next of a view.
enum Batch {
    /// Events that are lost, and up to where it was looked.
    Events(u64, Vec<Lost>),
    EndOfView,
    /// There is no such view.
    NoView,
}

/// An event that the log lacks; without a key where this device never had it.
struct Lost {
    placed: PlacedEvent,
    key: Option<Arc<EpochKey>>,
}

impl Lost {
    fn open(&self, space_id: SpaceId) -> Vec<Result<Delivered, Error>> {
        match &self.key {
            Some(key) => open_one(space_id, &self.placed, key),
            None => vec![Err(Error::Unreadable {
                space_id,
                seq: self.placed.at.seq,
                event_id: self.placed.event.id(),
            })],
        }
    }
}

/// Keys of a view that was set aside, each looked up once.
#[derive(Default)]
struct Keys(BTreeMap<u64, Option<Arc<EpochKey>>>);

impl Keys {
    fn of(&mut self, aside: &SpaceLog<'_>, epoch: u64) -> Result<Option<Arc<EpochKey>>, Error> {
        if let Some(known) = self.0.get(&epoch) {
            return Ok(known.clone());
        }
        let key = aside.kept_key(epoch)?.map(Arc::new);
        self.0.insert(epoch, key.clone());
        Ok(key)
    }
}

/// Of entries of a view, the events that none of the others holds.
fn lost_of(
    aside: &SpaceLog<'_>,
    others: &[&SpaceLog<'_>],
    entries: Vec<StoredEntry>,
) -> Result<Vec<Lost>, Error> {
    let (mut keys, mut lost) = (Keys::default(), Vec::new());
    for entry in entries {
        let Some(placed) = placed(&entry)? else {
            continue;
        };
        let mut is_there = false;
        for other in others {
            is_there |= other.place_of(&placed.event)?.is_some();
        }
        if is_there {
            continue;
        }
        let key = keys.of(aside, placed.event.header.epoch)?;
        lost.push(Lost { placed, key });
    }
    Ok(lost)
}

impl SpaceCore {
    /// Events behind a place of a view that was set aside; those that a later one holds come with that.
    async fn lost_behind(&self, view: usize, after: u64) -> Result<Batch, Error> {
        self.with_views(move |aside, now| {
            let Some((own, later)) = aside.get(view..).and_then(<[_]>::split_first) else {
                return Ok(Batch::NoView);
            };
            let after = after.max(own.common_end(now)?.seq);
            let entries = own.entries_after(after, BATCH_ENTRIES, BATCH_BYTES)?;
            let Some(last) = entries.last().map(|entry| entry.place.at.seq) else {
                return Ok(Batch::EndOfView);
            };
            let others: Vec<_> = later.iter().chain([now]).collect();
            Ok(Batch::Events(last, lost_of(own, &others, entries)?))
        })
        .await
    }

    /// Messages that were signed for a view that was set aside, and that neither it nor the log has; oldest first, with their events.
    pub(super) async fn signed_for(&self, view: usize) -> Result<Vec<(EventId, Message)>, Error> {
        self.with_views(move |aside, now| {
            let (mut keys, mut messages) = (Keys::default(), Vec::new());
            let Some(own) = aside.get(view) else {
                return Ok(messages);
            };
            for signed in own.signed()? {
                let event =
                    ParsedEvent::parse(&signed).map_err(|_| StoreError::Damaged { table: "outbox" })?;
                if now.place_of(&event)?.or(own.place_of(&event)?).is_some() {
                    continue;
                }
                let Some(key) = keys.of(own, event.header.epoch)? else {
                    continue;
                };
                if let Ok(Some(content)) = open_content(&key, &event) {
                    messages.extend(content.messages.into_iter().map(|message| (event.id(), message)));
                }
            }
            Ok(messages)
        })
        .await
    }

    /// Nothing is to be sent any more of what was signed for views that were set aside.
    pub(super) async fn forget_signed_aside(&self) -> Result<(), Error> {
        let space_id = self.space_id;
        let forgetting = self.client.store.write(move |store| {
            let views = SpaceLog::set_aside_of(store, space_id)?;
            views.iter().try_for_each(SpaceLog::remove_signed)
        });
        forgetting.await
    }
}
