//! Writer chains: exactly once, in order, per (principal, writer).

use std::collections::{BTreeMap, VecDeque};

use crate::event::EventHeader;
use crate::ids::{EventId, PrincipalId, WriterId};
use crate::limits;

/// Where an event would stand in its writer's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterPlace {
    /// The writer's next event.
    Next,
    /// The very event that already stands at this seq.
    Repeat {
        /// Its place in the log.
        seq: u64,
    },
    /// Another event stands at its index, or its index is too old to tell, or it does not follow the writer's last one.
    Conflict,
    /// Events of this writer are missing before it.
    Gap,
    /// The principal has too many writers already.
    TooManyWriters,
    /// It has seen less of the log, or of the control chain, than the writer's event before.
    SeenDecreased,
}

/// The end of one writer's chain, and the ids it remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterPosition {
    /// Index of the writer's last event.
    pub last_index: u64,
    /// Its id.
    pub last_event_id: EventId,
    /// The `seen` seq it carried.
    pub seen_seq: u64,
    /// The control index it carried.
    pub control_index: u64,
    /// (seq, id) of the last events, oldest first; the last is `last_index`.
    pub recent: VecDeque<(u64, EventId)>,
}

/// All writers of one space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriterChains {
    positions: BTreeMap<(PrincipalId, WriterId), WriterPosition>,
}

impl WriterChains {
    /// Where the event with this header and id would stand.
    #[must_use]
    pub fn place(&self, header: &EventHeader, id: &EventId) -> WriterPlace {
        match self.position(&header.principal_id, &header.writer_id) {
            Some(position) => position.place(header, id),
            None if header.writer_index != 1 => WriterPlace::Gap,
            None if self.count(&header.principal_id) >= limits::MAX_WRITERS_PER_PRINCIPAL => {
                WriterPlace::TooManyWriters
            }
            None => WriterPlace::Next,
        }
    }

    /// Appends an event whose place was [`WriterPlace::Next`].
    pub fn append(&mut self, header: &EventHeader, id: EventId, seq: u64) {
        let recent = self
            .positions
            .remove(&(header.principal_id, header.writer_id))
            .map(|position| position.recent)
            .unwrap_or_default();
        let mut position = WriterPosition {
            last_index: header.writer_index,
            last_event_id: id,
            seen_seq: header.seen.seq,
            control_index: header.control_index,
            recent,
        };
        position.remember(seq, id);
        self.positions
            .insert((header.principal_id, header.writer_id), position);
    }

    /// The end of a writer's chain.
    #[must_use]
    pub fn position(&self, principal: &PrincipalId, writer: &WriterId) -> Option<&WriterPosition> {
        self.positions.get(&(*principal, *writer))
    }

    /// All writers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&(PrincipalId, WriterId), &WriterPosition)> {
        self.positions.iter()
    }

    /// Puts back a position from a snapshot.
    pub fn restore(&mut self, principal: PrincipalId, writer: WriterId, position: WriterPosition) {
        self.positions.insert((principal, writer), position);
    }

    fn count(&self, principal: &PrincipalId) -> usize {
        let first = (*principal, WriterId::new([0; 16]));
        let last = (*principal, WriterId::new([0xff; 16]));
        self.positions.range(first..=last).count()
    }
}

impl WriterPosition {
    fn place(&self, header: &EventHeader, id: &EventId) -> WriterPlace {
        if header.writer_index > self.last_index + 1 {
            return WriterPlace::Gap;
        }
        if header.writer_index <= self.last_index {
            return self.place_of_old(header.writer_index, id);
        }
        if header.previous_event_id != Some(self.last_event_id) {
            return WriterPlace::Conflict;
        }
        if header.seen.seq < self.seen_seq || header.control_index < self.control_index {
            return WriterPlace::SeenDecreased;
        }
        WriterPlace::Next
    }

    fn place_of_old(&self, index: u64, id: &EventId) -> WriterPlace {
        let back = usize::try_from(self.last_index - index).unwrap_or(usize::MAX);
        let remembered = self
            .recent
            .len()
            .checked_sub(back.saturating_add(1))
            .map(|at| self.recent[at]);
        match remembered {
            Some((seq, known)) if known == *id => WriterPlace::Repeat { seq },
            _ => WriterPlace::Conflict,
        }
    }

    fn remember(&mut self, seq: u64, id: EventId) {
        if self.recent.len() == limits::REMEMBERED_EVENTS_PER_WRITER {
            self.recent.pop_front();
        }
        self.recent.push_back((seq, id));
    }
}
