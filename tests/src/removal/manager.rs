//! A manager without an SDK: follows the log by its bytes, and writes records one by one. It can stop after any of them.

use std::{collections::VecDeque, net::SocketAddr};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use sealpost_protocol::{
    chain::{Capabilities, ControlChain},
    control::{ParsedControl, sign_control},
    event::ParsedEvent,
    fold::SpaceFold,
    ids::{PrincipalId, SpaceId},
    keys::PublicKey,
    limits,
    manifest::Manifest,
    root::Cursor,
    wire::{
        self, PrincipalKind, client_frame::Body as Ask, control_record::Body, entry::Kind,
        relay_frame::Body as Answer,
    },
    wrap::wrap_hash,
};
use tokio::io::AsyncWriteExt;

use crate::bare::{Incoming, Opcode, Person, Socket, frame, random};

/// Members added with one frame.
const AT_ONCE: usize = 100;

/// Somebody in the log.
pub(super) struct Manager {
    relay: SocketAddr,
    pub(super) person: Person,
    socket: Socket,
    waiting: VecDeque<wire::Entry>,
    pub(super) fold: SpaceFold,
}

/// An entry, as far as the relay sees it.
#[derive(Debug)]
pub(super) enum Seen {
    Control(Body),
    Content { epoch: u64 },
}

impl Manager {
    /// Reads a space that it is a member of, up to its end.
    pub(super) async fn follow(relay: SocketAddr, person: Person, space_id: SpaceId) -> Self {
        let mut socket = Socket::log_in(relay.ip(), relay, &person).await.unwrap();
        let start = Cursor::start(&space_id);
        let subscribe = wire::Subscribe {
            space_id: space_id.to_bytes(),
            after_seq: start.seq,
            after_root: start.root.to_bytes(),
        };
        let answer = socket.ask(Ask::Subscribe(subscribe)).await.unwrap();
        let Answer::Subscribed(subscribed) = answer else {
            panic!("the manager may not read: {answer:?}")
        };
        let mut waiting = VecDeque::new();
        let Some(Kind::Control(genesis)) = next_entry(&mut socket, &mut waiting).await.kind else {
            panic!("a log begins with a control record")
        };
        let genesis = ParsedControl::parse(&genesis).unwrap();
        let fold = SpaceFold::from_genesis(&genesis).unwrap();
        let mut manager = Self {
            relay,
            person,
            socket,
            waiting,
            fold,
        };
        while manager.fold.cursor().seq < subscribed.head_seq {
            manager.next().await;
        }
        manager
    }

    /// The next entry, verified; waits for it.
    pub(super) async fn next(&mut self) -> Seen {
        let entry = next_entry(&mut self.socket, &mut self.waiting).await;
        match entry.kind.unwrap() {
            Kind::Control(control) => {
                let record = ParsedControl::parse(&control).unwrap();
                self.fold.append_stored_control(&record).unwrap();
                Seen::Control(record.body)
            }
            Kind::Event(event) => {
                let epoch = ParsedEvent::parse(&event).unwrap().header.epoch;
                let event = self.fold.verify_event(&event).unwrap();
                self.fold.append_event(&event);
                Seen::Content { epoch }
            }
        }
    }

    /// Reads on to the next content; gives its epoch.
    pub(super) async fn next_content(&mut self) -> u64 {
        loop {
            if let Seen::Content { epoch } = self.next().await {
                return epoch;
            }
        }
    }

    /// Reads on to the next rekey; says of which epoch.
    pub(super) async fn next_rekey(&mut self) -> u64 {
        loop {
            if let Seen::Control(Body::Rekey(rekey)) = self.next().await {
                return rekey.epoch;
            }
        }
    }

    /// Reads on to this place.
    pub(super) async fn read_to(&mut self, seq: u64) {
        while self.fold.cursor().seq < seq {
            self.next().await;
        }
    }

    /// Adds principals until the space has so many members. They have keys and no device. Returns the last one.
    pub(super) async fn fill_up(&mut self, members: usize) -> Option<PrincipalId> {
        let mut last = None;
        loop {
            let missing = members.saturating_sub(self.fold.chain().members().len());
            if missing == 0 {
                return last;
            }
            let newcomers: Vec<_> = (0..missing.min(AT_ONCE)).map(|_| newcomer()).collect();
            last = newcomers.last().map(Manifest::id);
            self.add(&newcomers).await;
        }
    }

    async fn add(&mut self, newcomers: &[Manifest]) {
        let epoch = self.fold.chain().epoch().unwrap();
        let wraps: Vec<_> = newcomers.iter().map(wrap_to).collect();
        let stage = wire::StageWraps {
            space_id: self.fold.space_id().to_bytes(),
            epoch: epoch.number,
            key_id: epoch.key_id.to_bytes(),
            wraps: wraps.clone(),
        };
        let adds = newcomers.iter().zip(&wraps).map(|(newcomer, wrap)| {
            Body::AddMember(wire::AddMember {
                manifest: newcomer.bytes().clone(),
                capabilities: Capabilities::WRITE.bits(),
                wrap_hash: Bytes::copy_from_slice(&wrap_hash(&wrap.sealed)),
            })
        });
        let adds = adds.collect();
        let mut socket = self.another_socket().await;
        let staged = socket.ask(Ask::StageWraps(stage)).await.unwrap();
        assert!(matches!(staged, Answer::WrapsStaged(_)), "{staged:?}");
        self.write(&mut socket, adds).await;
    }

    /// Takes a member out and does nothing more, as if it were killed before the rekey.
    pub(super) async fn remove_and_die(&mut self, member: PrincipalId) {
        let principal_id = member.to_bytes();
        let mut socket = self.another_socket().await;
        let removal = Body::RemoveMember(wire::RemoveMember { principal_id });
        self.write(&mut socket, vec![removal]).await;
    }

    async fn another_socket(&self) -> Socket {
        let relay = self.relay;
        Socket::log_in(relay.ip(), relay, &self.person).await.unwrap()
    }

    async fn write(&mut self, socket: &mut Socket, bodies: Vec<Body>) {
        let mut chain = self.fold.chain().clone();
        let seen = self.fold.cursor();
        let sign = |body| sign_next(&mut chain, seen, &self.person, body);
        let publish = wire::Publish {
            space_id: self.fold.space_id().to_bytes(),
            entries: bodies.into_iter().map(sign).collect(),
        };
        let answer = socket.ask(Ask::Publish(publish)).await.unwrap();
        let Answer::Published(wire::Published { acks, nack: None }) = answer else {
            panic!("the relay did not take a record: {answer:?}");
        };
        self.read_to(acks.last().unwrap().seq).await;
    }
}

/// Signs the next record of a chain.
fn sign_next(chain: &mut ControlChain, seen: Cursor, author: &Person, body: Body) -> wire::Entry {
    let record = sign_control(&chain.next_link(seen), &author.id(), body, &author.key);
    chain.append(&ParsedControl::parse(&record).unwrap()).unwrap();
    let kind = Some(Kind::Control(record));
    wire::Entry { kind }
}

async fn next_entry(socket: &mut Socket, waiting: &mut VecDeque<wire::Entry>) -> wire::Entry {
    loop {
        if let Some(entry) = waiting.pop_front() {
            return entry;
        }
        match socket.ear.next().await {
            Incoming::Frame(wire::RelayFrame {
                body: Some(Answer::Page(page)),
                ..
            }) => waiting.extend(page.entries),
            Incoming::Ping => {
                let pong = frame(Opcode::Pong, &[]);
                socket.mouth.stream.write_all(&pong).await.unwrap();
            }
            Incoming::Frame(_) | Incoming::Pong => {}
            other => panic!("the manager was cut off: {other:?}"),
        }
    }
}

fn newcomer() -> Manifest {
    let key = PublicKey::of(&SigningKey::from_bytes(&random()));
    // An X-Wing key like any other, to which nobody has the private half.
    Manifest::new(PrincipalKind::Human, &key, &[3; limits::HPKE_KEY]).unwrap()
}

/// Stands for the current secret sealed to somebody who never opens it.
fn wrap_to(newcomer: &Manifest) -> wire::Wrap {
    wire::Wrap {
        recipient: newcomer.id().to_bytes(),
        sealed: Bytes::copy_from_slice(&random::<{ limits::WRAP }>()),
    }
}
