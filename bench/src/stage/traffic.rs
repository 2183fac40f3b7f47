//! Events signed ahead: for each writer a supply that goes round the spaces it writes to.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::try_join_all;
use prost::Message;
use sealpost_protocol::{
    limits,
    padding::padded_length,
    wire::{self, EventContent},
};

use sealpost_tests::bare::{Pen, Person, Room};

use super::socket::fill;

/// Bytes of one message of an application.
pub const MESSAGE: usize = 1024;
/// Random bytes that pieces are cut from: the relay cannot tell them from sealed ones.
const NOISE: usize = 1 << 20;

/// Publishes of one event each, in the order in which they must be sent.
pub type Supply = VecDeque<wire::Publish>;

/// All writers of a row.
pub struct Traffic {
    desks: Vec<Desk>,
}

/// One writer, the spaces it writes to, and what it has signed and not sent.
pub struct Desk {
    person: Person,
    rooms: Vec<(Room, Pen)>,
    next_room: usize,
    ciphertexts: Noise,
    supply: Supply,
}

/// Random bytes in pieces of one length: ciphertexts, or the payloads of a broker.
#[derive(Clone)]
pub struct Noise {
    bytes: Bytes,
    length: usize,
    offset: usize,
}

/// Which of `rooms` the writer `writer` of `writers` writes to: all have about as many writers, all writers about as many
/// spaces.
#[must_use]
pub fn rooms_of(writer: usize, writers: usize, rooms: usize) -> Vec<usize> {
    let meet = |room: &usize| room % writers == writer || writer % rooms == *room;
    (0..rooms).filter(meet).collect()
}

/// The writers of one of `rooms` spaces.
#[must_use]
pub fn writers_of(room: usize, writers: usize, rooms: usize) -> Vec<usize> {
    let writes = |writer: &usize| rooms_of(*writer, writers, rooms).contains(&room);
    (0..writers).filter(writes).collect()
}

impl Traffic {
    /// Writers with these spaces, each as an install that has written nothing yet. An event carries so many messages.
    #[must_use]
    pub fn new(writers: &[Arc<Person>], rooms: &[Room], messages_per_event: usize) -> Self {
        let ciphertexts = Noise::of_length(ciphertext_length(messages_per_event, MESSAGE));
        let desk = |(number, person): (usize, &Arc<Person>)| {
            let mine = rooms_of(number, writers.len(), rooms.len());
            let mine = mine.into_iter().map(|room| rooms[room].clone()).collect();
            Desk::new(person.at_another_install(), mine, ciphertexts.clone())
        };
        Self {
            desks: writers.iter().enumerate().map(desk).collect(),
        }
    }

    /// Signs until each writer has so many events ahead.
    pub async fn top_up(&mut self, events: usize) -> Result<()> {
        self.top_up_first(self.desks.len(), events).await
    }

    /// The same for the first so many writers.
    pub async fn top_up_first(&mut self, writers: usize, events: usize) -> Result<()> {
        let others = self.desks.split_off(writers.min(self.desks.len()));
        let work = self.desks.drain(..).map(|mut desk| {
            tokio::task::spawn_blocking(move || {
                desk.top_up(events);
                desk
            })
        });
        self.desks = try_join_all(work).await?;
        self.desks.extend(others);
        Ok(())
    }

    /// The writers.
    #[must_use]
    pub fn desks(&mut self) -> &mut [Desk] {
        &mut self.desks
    }

    /// The writers, for who lets each go its own way.
    #[must_use]
    pub fn into_desks(self) -> Vec<Desk> {
        self.desks
    }

    /// Bytes of a row that holds one of these events sealed at rest.
    #[must_use]
    pub fn sealed_length(&self) -> usize {
        let entry = self.desks.iter().find_map(|desk| desk.supply.front());
        let length = entry.map_or(0, |publish| publish.entries[0].encoded_len());
        length + limits::NONCE + limits::TAG
    }

    /// The same for an event whose only message has a body of so many bytes.
    #[must_use]
    pub fn sealed_length_of(&self, body: usize) -> usize {
        self.sealed_length() - ciphertext_length(1, MESSAGE) + ciphertext_length(1, body)
    }
}

impl Desk {
    /// A writer that has written nothing yet.
    fn new(person: Person, rooms: Vec<Room>, ciphertexts: Noise) -> Self {
        Self {
            person,
            rooms: rooms.into_iter().map(|room| (room, Pen::default())).collect(),
            next_room: 0,
            ciphertexts,
            supply: Supply::new(),
        }
    }

    fn top_up(&mut self, events: usize) {
        while self.supply.len() < events {
            let next = self.sign_next();
            self.supply.push_back(next);
        }
    }

    /// Signs the next event.
    pub fn sign_next(&mut self) -> wire::Publish {
        let room = self.next_room % self.rooms.len();
        self.next_room += 1;
        let (room, pen) = &mut self.rooms[room];
        let entry = room.sign(&self.person, pen, self.ciphertexts.next_bytes());
        wire::Publish {
            space_id: room.id.to_bytes(),
            entries: vec![entry],
        }
    }

    /// The spaces that it writes to, in their order.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter().map(|(room, _)| room)
    }

    /// Who writes, at an install of its own.
    #[must_use]
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// A copy of what is signed, for a peer that keeps no chains.
    #[must_use]
    pub fn copy(&self) -> Supply {
        self.supply.clone()
    }

    /// What is signed, to be sent to the relay. What is left of it comes back by [`Self::put_back`].
    #[must_use]
    pub fn take(&mut self) -> Supply {
        std::mem::take(&mut self.supply)
    }

    /// See [`Self::take`].
    pub fn put_back(&mut self, supply: Supply) {
        self.supply = supply;
    }
}

impl Noise {
    /// Pieces of this length.
    #[must_use]
    pub fn of_length(length: usize) -> Self {
        let mut bytes = vec![0; NOISE];
        fill(&mut bytes);
        Self {
            bytes: bytes.into(),
            length,
            offset: 0,
        }
    }

    /// The next piece.
    #[must_use]
    pub fn next_piece(&mut self) -> &[u8] {
        let range = self.next_range();
        &self.bytes[range]
    }

    fn next_bytes(&mut self) -> Bytes {
        let range = self.next_range();
        self.bytes.slice(range)
    }

    fn next_range(&mut self) -> Range<usize> {
        self.offset = (self.offset + 1) % (NOISE - self.length);
        self.offset..self.offset + self.length
    }
}

/// What the SDK would make of so many messages: encoded, padded, sealed.
fn ciphertext_length(messages: usize, body: usize) -> usize {
    let message = wire::Message {
        body: vec![0; body].into(),
        ..wire::Message::default()
    };
    let content = EventContent {
        author_time_ms: 1_763_000_000_000,
        messages: vec![message; messages],
    };
    padded_length(content.encoded_len()) + limits::TAG
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writers_of_each(writers: usize, rooms: usize) -> Vec<usize> {
        (0..rooms)
            .map(|room| writers_of(room, writers, rooms).len())
            .collect()
    }

    #[test]
    fn writers_are_spread_evenly_over_few_spaces() {
        assert_eq!(writers_of_each(64, 1), [64]);
        assert_eq!(writers_of_each(64, 16), [4; 16]);
        assert!((0..64).all(|writer| rooms_of(writer, 64, 16).len() == 1));
    }

    #[test]
    fn many_spaces_have_one_writer_each() {
        assert_eq!(writers_of_each(64, 1_000), [1; 1_000]);
        assert_eq!(rooms_of(3, 64, 1_000).len(), 16);
        assert_eq!(rooms_of(63, 64, 1_000).len(), 15);
    }

    #[test]
    fn ciphertext_is_a_little_longer_than_its_messages() {
        for messages in [1, 8] {
            let bytes = messages * MESSAGE;
            assert!((bytes..bytes + bytes / 8).contains(&ciphertext_length(messages, MESSAGE)));
        }
    }

    #[test]
    fn pieces_of_noise_differ() {
        let mut noise = Noise::of_length(1_000);
        let piece = noise.next_piece().to_vec();
        assert_ne!(noise.next_piece(), piece);
        assert_eq!(noise.next_bytes().len(), piece.len());
    }
}
