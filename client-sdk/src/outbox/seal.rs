//! From messages to signed events on disk.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::Rng;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::event::{EventHeader, ParsedEvent, sign_event};
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::{EventId, WriterId};
use sealpost_protocol::limits;

use super::failure::Failure;
use super::flight::{MAX_LOAD, MAX_LOAD_BYTES};
use super::{Outbox, Outgoing, Waiting};
use crate::content::{Content, Message, count_that_fits, seal_content};
use crate::entropy;
use crate::epoch::EpochKey;
use crate::error::{Error, Refusal};
use crate::identity::Identity;
use crate::space::core::SpaceCore;
use crate::store::log::SpaceLog;
use crate::store::outbox::{OutboxEvent, OutboxRow};

/// The end of the own writer chain.
pub(super) struct Chain {
    pub(super) writer_id: WriterId,
    last: Option<(u64, EventId)>,
}

impl Chain {
    /// The end as the outbox or the verified log knows it, whichever is further.
    pub(super) fn load(log: &SpaceLog<'_>, fold: &SpaceFold, me: &Identity) -> Result<Self, Error> {
        let writer_id = log.own_writer()?;
        let signed = log.last_signed(&writer_id)?;
        let verified = fold
            .writers()
            .position(&me.id(), &writer_id)
            .map(|position| (position.last_index, position.last_event_id));
        let last = [signed, verified]
            .into_iter()
            .flatten()
            .max_by_key(|(index, _)| *index);
        Ok(Self { writer_id, last })
    }

    /// The chain up to just before `index`, whose predecessor is known.
    pub(super) fn before(writer_id: WriterId, previous: Option<(u64, EventId)>) -> Self {
        Self {
            writer_id,
            last: previous,
        }
    }

    /// Seals and signs the next event of the chain.
    pub(super) fn seal(
        &mut self,
        fold: &SpaceFold,
        key: &EpochKey,
        content: &Content,
        me: &Identity,
    ) -> OutboxEvent {
        let header = self.next_header(fold, key, me);
        let ciphertext = seal_content(key, &header, content);
        let event = sign_event(&header, ciphertext, me.signing_key());
        let event_id = ParsedEvent::parse(&event)
            .expect("an event made here is well-formed")
            .id();
        self.last = Some((header.writer_index, event_id));
        OutboxEvent {
            writer_id: header.writer_id,
            writer_index: header.writer_index,
            epoch: header.epoch,
            event_id,
            event,
        }
    }

    fn next_header(&self, fold: &SpaceFold, key: &EpochKey, me: &Identity) -> EventHeader {
        EventHeader {
            space_id: fold.space_id(),
            epoch: key.at().epoch,
            key_id: key.at().key_id,
            principal_id: me.id(),
            writer_id: self.writer_id,
            writer_index: self.last.map_or(0, |(index, _)| index) + 1,
            previous_event_id: self.last.map(|(_, id)| id),
            control_index: fold.chain().index(),
            control_head: fold.chain().head(),
            seen: fold.cursor(),
            nonce: entropy::draw::<{ limits::NONCE }>(&mut entropy::system()),
        }
    }
}

impl<R: Rng> Outbox<R> {
    /// Seals what fits into the next flight and puts it on disk; nothing, if nothing has gathered.
    pub(super) async fn seal_next(&mut self) -> Result<Vec<OutboxRow>, Failure> {
        if self.gathered.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.core.current_key().await?;
        let events = take_events(&mut self.gathered);
        let contents: Vec<Content> = events.iter().map(|event| self.content(event)).collect();
        let (core, lock) = (Arc::clone(&self.core), self.lock.clone());
        let rows = self
            .core
            .write(move |log, view| {
                let _held = lock;
                view.refresh(log)?;
                let fold = view.fold.as_ref().ok_or_else(nothing_read)?;
                seal_all(&core, log, fold, &key, &contents)
            })
            .await;
        match rows {
            Ok(Some(rows)) => {
                self.await_acks(&rows, events);
                Ok(rows)
            }
            Ok(None) => {
                self.put_back(events);
                Err(Failure::Rekeyed)
            }
            Err(error) => {
                self.put_back(events);
                Err(error.into())
            }
        }
    }

    fn content(&self, event: &[Outgoing]) -> Content {
        Content {
            author_time_ms: self.core.client.config.clock.unix_ms(),
            messages: event.iter().map(|outgoing| outgoing.message.clone()).collect(),
        }
    }

    /// From here on the messages are on disk: their bytes no longer count as gathered.
    fn await_acks(&mut self, rows: &[OutboxRow], events: Vec<Vec<Outgoing>>) {
        for (row, event) in rows.iter().zip(events) {
            let told = event.into_iter().map(|outgoing| outgoing.done).collect();
            self.waiting.insert(
                row.number,
                Waiting {
                    told,
                    stands: None,
                    may_stand: false,
                },
            );
        }
    }

    fn put_back(&mut self, events: Vec<Vec<Outgoing>>) {
        for outgoing in events.into_iter().flatten().rev() {
            self.gathered.push_front(outgoing);
        }
    }
}

/// Signs and keeps the events; `None` if the key is not the current epoch's any more.
fn seal_all(
    core: &SpaceCore,
    log: &SpaceLog<'_>,
    fold: &SpaceFold,
    key: &EpochKey,
    contents: &[Content],
) -> Result<Option<Vec<OutboxRow>>, Error> {
    let me = &core.client.identity;
    check_rights(fold, me)?;
    // A writer's events change epoch together: else a refused one would drag those behind it into being signed twice.
    if !is_current(fold, key) || log.has_unacked_of_other_epoch(key.at().epoch)? {
        return Ok(None);
    }
    let mut chain = Chain::load(log, fold, me)?;
    let mut rows = Vec::with_capacity(contents.len());
    for content in contents {
        let event = chain.seal(fold, key, content, me);
        let number = log.put_event(&event)?;
        rows.push(OutboxRow { number, event });
    }
    Ok(Some(rows))
}

/// Whether content sealed under `key` may be written now.
pub(super) fn is_current(fold: &SpaceFold, key: &EpochKey) -> bool {
    let current = fold
        .chain()
        .epoch()
        .is_some_and(|epoch| epoch.key_id == key.at().key_id);
    current && !fold.chain().waits_for_rekey()
}

/// Nothing is signed that every member would refuse.
pub(super) fn check_rights(fold: &SpaceFold, me: &Identity) -> Result<(), Error> {
    let chain = fold.chain();
    if chain.is_tombstoned() {
        return Err(Refusal::tombstoned().into());
    }
    match chain.member(&me.id()) {
        None => Err(Refusal::no_longer_a_member().into()),
        Some(member) if !member.may(Capabilities::WRITE) => Err(Refusal::by_the_rules(
            ErrorCode::NotPermitted,
            "this account may read the space and not write to it",
        )
        .into()),
        Some(_) => Ok(()),
    }
}

pub(super) fn nothing_read() -> Error {
    Error::usage("nothing of this space was read from the relay yet")
}

/// Takes the messages of the next flight: one event packed full, or several of one message each.
fn take_events(gathered: &mut VecDeque<Outgoing>) -> Vec<Vec<Outgoing>> {
    if gathered.front().is_some_and(|outgoing| outgoing.alone) {
        return (0..count_alone(gathered))
            .filter_map(|_| gathered.pop_front())
            .map(|outgoing| vec![outgoing])
            .collect();
    }
    let packable = gathered.iter().take_while(|outgoing| !outgoing.alone);
    let count = count_that_fits(packable.map(|outgoing| &outgoing.message));
    vec![gathered.drain(..count).collect()]
}

fn count_alone(gathered: &VecDeque<Outgoing>) -> usize {
    let mut bytes = 0;
    let fits = |message: &Message| {
        // Padding and what surrounds the ciphertext: an eighth and half a kilobyte are more than enough.
        bytes += message.packed_length() * 9 / 8 + 1024;
        bytes <= MAX_LOAD_BYTES
    };
    let alone = gathered.iter().take_while(|outgoing| outgoing.alone);
    let fitting = alone.map(|outgoing| &outgoing.message).take(MAX_LOAD);
    fitting.map(fits).take_while(|fits| *fits).count().max(1)
}
