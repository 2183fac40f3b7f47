//! A space that bare people share, as the relay sees it: its records are real, what they seal is not.

use bytes::Bytes;
use sealpost_protocol::{
    chain::Capabilities,
    control::{Link, ParsedControl, sign_control},
    event::{EventHeader, ParsedEvent, sign_event},
    fold::SpaceFold,
    ids::{EventId, KeyId, PrincipalId, SpaceId},
    limits,
    root::Cursor,
    signal::{SignalHeader, sign_signal},
    wire::{self, client_frame::Body as Ask, control_record::Body, entry::Kind, relay_frame::Body as Answer},
    wrap::{wrap_hash, wraps_digest},
};

use super::{Asks, Person, random};

/// What every event of a space says of it.
#[derive(Clone, Debug)]
pub struct Room {
    /// The space.
    pub id: SpaceId,
    /// The commitment to the secret of its only epoch.
    pub key_id: KeyId,
    /// Where its control records end.
    pub cursor: Cursor,
    control_index: u64,
    control_head: EventId,
}

/// The end of one writer's chain in one space.
#[derive(Clone, Debug, Default)]
pub struct Pen {
    last: Option<(u64, EventId)>,
}

impl Room {
    /// Makes a space of `owner`, who sits behind `socket`, with these members more.
    ///
    /// # Panics
    /// When the relay does not take it.
    pub async fn make<S: Asks>(socket: &mut S, owner: &Person, others: &[&Person]) -> Self {
        let genesis = wire::Genesis {
            salt: Bytes::copy_from_slice(&random::<32>()),
            manifest: owner.manifest.bytes().clone(),
            policy: Some(wire::Policy {
                share_history: true,
                retention_seconds: 0,
            }),
        };
        let record = sign_control(&Link::Genesis, &owner.id(), Body::Genesis(genesis), &owner.key);
        let parsed = ParsedControl::parse(&record).unwrap();
        let mut draft = Draft {
            socket,
            owner,
            fold: SpaceFold::from_genesis(&parsed).unwrap(),
            key_id: KeyId::new(random()),
        };
        draft.publish(record).await;
        draft.rekey().await;
        draft.add(others).await;
        draft.finish()
    }

    /// The room of a log that others made, as it is after the entries of this fold.
    ///
    /// # Panics
    /// If the log has no epoch yet, or more than one.
    #[must_use]
    pub fn of(fold: &SpaceFold) -> Self {
        let chain = fold.chain();
        assert_eq!(
            chain.epoch_number(),
            1,
            "what is signed here names the first epoch"
        );
        Self {
            id: chain.space_id(),
            key_id: chain.epoch().unwrap().key_id,
            cursor: fold.cursor(),
            control_index: chain.index(),
            control_head: chain.head(),
        }
    }

    /// Signs the author's next event.
    pub fn sign(&self, author: &Person, pen: &mut Pen, ciphertext: Bytes) -> wire::Entry {
        let writer_index = pen.last.map_or(1, |(index, _)| index + 1);
        let header = EventHeader {
            space_id: self.id,
            epoch: 1,
            key_id: self.key_id,
            principal_id: author.id(),
            writer_id: author.writer_id,
            writer_index,
            previous_event_id: pen.last.map(|(_, id)| id),
            control_index: self.control_index,
            control_head: self.control_head,
            seen: self.cursor,
            nonce: nonce(writer_index),
        };
        let event = sign_event(&header, ciphertext, &author.key);
        let id = ParsedEvent::parse(&event).unwrap().id();
        pen.last = Some((writer_index, id));
        let kind = Some(Kind::Event(event));
        wire::Entry { kind }
    }

    /// Signs a signal.
    #[must_use]
    pub fn signal(&self, author: &Person, counter: u64, ciphertext: Bytes) -> Ask {
        let header = SignalHeader {
            space_id: self.id,
            epoch: 1,
            key_id: self.key_id,
            principal_id: author.id(),
            writer_id: author.writer_id,
            counter,
            nonce: nonce(counter),
        };
        let signal = Some(sign_signal(&header, ciphertext, &author.key));
        Ask::SendSignal(wire::SendSignal { signal })
    }

    /// Asks to append these.
    #[must_use]
    pub fn publish(&self, entries: Vec<wire::Entry>) -> Ask {
        let space_id = self.id.to_bytes();
        Ask::Publish(wire::Publish { space_id, entries })
    }

    /// Asks to take a member out. Until somebody rekeys, the space takes no content then.
    #[must_use]
    pub fn remove(&self, manager: &Person, member: &Person) -> Ask {
        let link = Link::Next {
            space_id: self.id,
            control_index: self.control_index + 1,
            previous_head: self.control_head,
            seen: self.cursor,
        };
        let removal = wire::RemoveMember {
            principal_id: member.id().to_bytes(),
        };
        let record = sign_control(&link, &manager.id(), Body::RemoveMember(removal), &manager.key);
        let kind = Some(Kind::Control(record));
        self.publish(vec![wire::Entry { kind }])
    }

    /// Asks for everything behind the control records.
    #[must_use]
    pub fn subscribe(&self) -> Ask {
        Ask::Subscribe(wire::Subscribe {
            space_id: self.id.to_bytes(),
            after_seq: self.cursor.seq,
            after_root: self.cursor.root.to_bytes(),
        })
    }
}

/// A space on its way.
struct Draft<'a, S> {
    socket: &'a mut S,
    owner: &'a Person,
    fold: SpaceFold,
    key_id: KeyId,
}

impl<S: Asks> Draft<'_, S> {
    async fn append(&mut self, body: Body) {
        let link = Link::Next {
            space_id: self.fold.space_id(),
            control_index: self.fold.chain().index() + 1,
            previous_head: self.fold.chain().head(),
            seen: self.fold.cursor(),
        };
        let record = sign_control(&link, &self.owner.id(), body, &self.owner.key);
        let seen = self.fold.cursor().root;
        let parsed = ParsedControl::parse(&record).unwrap();
        self.fold.append_control(&parsed, &|_| Some(seen)).unwrap();
        self.publish(record).await;
    }

    async fn publish(&mut self, record: wire::SignedControl) {
        let kind = Some(Kind::Control(record));
        let publish = wire::Publish {
            space_id: self.fold.space_id().to_bytes(),
            entries: vec![wire::Entry { kind }],
        };
        let answer = self.socket.ask(Ask::Publish(publish)).await.unwrap();
        let acks = match &answer {
            Answer::Published(wire::Published { nack: None, acks }) => acks,
            _ => panic!("the relay did not take a record: {answer:?}"),
        };
        assert_eq!(acks[0].root, self.fold.cursor().root.to_bytes());
    }

    /// The first epoch: the owner is alone.
    async fn rekey(&mut self) {
        let wrap = (self.owner.id(), sealed_wrap());
        self.stage(std::slice::from_ref(&wrap)).await;
        let rekey = wire::Rekey {
            epoch: 1,
            key_id: self.key_id.to_bytes(),
            wraps_digest: Bytes::copy_from_slice(&wraps_digest(&[(wrap.0, wrap_hash(&wrap.1))])),
            wrap_count: 1,
            sealed_previous: Bytes::new(),
        };
        self.append(Body::Rekey(rekey)).await;
    }

    async fn add(&mut self, others: &[&Person]) {
        let wraps: Vec<_> = others.iter().map(|other| (other.id(), sealed_wrap())).collect();
        for some in wraps.chunks(limits::MAX_WRAPS_PER_FRAME) {
            self.stage(some).await;
        }
        for (other, (_, wrap)) in others.iter().zip(&wraps) {
            self.append(add_member(other, wrap)).await;
        }
    }

    async fn stage(&mut self, wraps: &[(PrincipalId, Bytes)]) {
        let wraps = wraps.iter().map(|(recipient, sealed)| wire::Wrap {
            recipient: recipient.to_bytes(),
            sealed: sealed.clone(),
        });
        let stage = wire::StageWraps {
            space_id: self.fold.space_id().to_bytes(),
            epoch: 1,
            key_id: self.key_id.to_bytes(),
            wraps: wraps.collect(),
        };
        let answer = self.socket.ask(Ask::StageWraps(stage)).await.unwrap();
        assert!(matches!(answer, Answer::WrapsStaged(_)), "{answer:?}");
    }

    fn finish(self) -> Room {
        Room::of(&self.fold)
    }
}

fn add_member(newcomer: &Person, wrap: &[u8]) -> Body {
    Body::AddMember(wire::AddMember {
        manifest: newcomer.manifest.bytes().clone(),
        capabilities: Capabilities::WRITE.bits(),
        wrap_hash: Bytes::copy_from_slice(&wrap_hash(wrap)),
    })
}

/// Stands for a secret sealed to a recipient: nobody here opens it, and the relay cannot tell.
fn sealed_wrap() -> Bytes {
    Bytes::copy_from_slice(&random::<{ limits::WRAP }>())
}

/// Stands for a random one: the ciphertext is not made with it.
fn nonce(number: u64) -> [u8; limits::NONCE] {
    let mut nonce = [0; limits::NONCE];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    nonce
}
