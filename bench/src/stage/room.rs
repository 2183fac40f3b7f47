//! A space: made, with its members and its first epoch, and then written to by events that are signed ahead.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use sealpost_protocol::{
    chain::Capabilities,
    control::{Link, ParsedControl, sign_control},
    event::{EventHeader, ParsedEvent, sign_event},
    fold::SpaceFold,
    ids::{EventId, KeyId, PrincipalId, SpaceId, WriterId},
    limits,
    root::Cursor,
    wire::{
        self, client_frame::Body as Request, control_record::Body, entry::Kind, relay_frame::Body as Answer,
    },
    wrap::{wrap_hash, wraps_digest},
};

use super::{
    people::Person,
    socket::{Socket, fill, random},
};

/// What every event of a space says of it.
#[derive(Clone, Debug)]
pub struct Room {
    /// The space.
    pub id: SpaceId,
    key_id: KeyId,
    control_index: u64,
    control_head: EventId,
    /// The end of the control records: what a writer had seen who signed everything before it sent the first.
    pub cursor: Cursor,
}

/// The end of one writer's chain in one space.
#[derive(Clone, Debug)]
pub struct Pen {
    writer_id: WriterId,
    last: Option<(u64, EventId)>,
}

impl Room {
    /// Makes a space of `owner`, who sits behind `socket`, with these members more.
    pub async fn make(socket: &mut Socket, owner: &Person, others: &[&Person]) -> Result<Self> {
        let genesis = wire::Genesis {
            salt: Bytes::copy_from_slice(&random::<32>()),
            manifest: owner.manifest.bytes().clone(),
            policy: Some(wire::Policy {
                share_history: true,
                retention_seconds: 0,
            }),
        };
        let record = sign_control(&Link::Genesis, &owner.id(), Body::Genesis(genesis), &owner.key);
        let mut draft = Draft {
            owner,
            fold: SpaceFold::from_genesis(&ParsedControl::parse(&record)?)?,
        };
        draft.publish(socket, record).await?;
        let key_id = KeyId::new(random());
        draft.rekey(socket, &key_id).await?;
        draft.add(socket, &key_id, others).await?;
        Ok(draft.finish())
    }

    /// Signs the writer's next event.
    pub fn sign(&self, author: &Person, pen: &mut Pen, ciphertext: Bytes) -> wire::Entry {
        let writer_index = pen.last.map_or(1, |(index, _)| index + 1);
        let header = EventHeader {
            space_id: self.id,
            epoch: 1,
            key_id: self.key_id,
            principal_id: author.id(),
            writer_id: pen.writer_id,
            writer_index,
            previous_event_id: pen.last.map(|(_, id)| id),
            control_index: self.control_index,
            control_head: self.control_head,
            seen: self.cursor,
            nonce: nonce(writer_index),
        };
        let event = sign_event(&header, ciphertext, &author.key);
        let id = ParsedEvent::parse(&event)
            .expect("an event made here is well-formed")
            .id();
        pen.last = Some((writer_index, id));
        let kind = Some(Kind::Event(event));
        wire::Entry { kind }
    }
}

impl Pen {
    /// A writer that has written nothing yet.
    #[must_use]
    pub fn new(writer_id: WriterId) -> Self {
        Self {
            writer_id,
            last: None,
        }
    }
}

/// A space on its way.
struct Draft<'a> {
    owner: &'a Person,
    fold: SpaceFold,
}

impl Draft<'_> {
    async fn append(&mut self, socket: &mut Socket, body: Body) -> Result<()> {
        let link = Link::Next {
            space_id: self.fold.space_id(),
            control_index: self.fold.chain().index() + 1,
            previous_head: self.fold.chain().head(),
            seen: self.fold.cursor(),
        };
        let record = sign_control(&link, &self.owner.id(), body, &self.owner.key);
        let seen = self.fold.cursor().root;
        self.fold
            .append_control(&ParsedControl::parse(&record)?, &|_| Some(seen))?;
        self.publish(socket, record).await
    }

    async fn publish(&self, socket: &mut Socket, record: wire::SignedControl) -> Result<()> {
        let kind = Some(Kind::Control(record));
        let publish = wire::Publish {
            space_id: self.fold.space_id().to_bytes(),
            entries: vec![wire::Entry { kind }],
        };
        let acks = socket.publish(publish).await?;
        let ack = acks.first().context("the relay acked nothing")?;
        if ack.root != self.fold.cursor().root.as_bytes()[..] {
            bail!("the relay and we do not agree on the space's root");
        }
        Ok(())
    }

    /// The first epoch: the owner is alone.
    async fn rekey(&mut self, socket: &mut Socket, key_id: &KeyId) -> Result<()> {
        let wrap = (self.owner.id(), sealed_wrap());
        self.stage(socket, key_id, std::slice::from_ref(&wrap)).await?;
        let rekey = wire::Rekey {
            epoch: 1,
            key_id: key_id.to_bytes(),
            wraps_digest: Bytes::copy_from_slice(&wraps_digest(&[(wrap.0, wrap_hash(&wrap.1))])),
            wrap_count: 1,
            sealed_previous: Bytes::new(),
        };
        self.append(socket, Body::Rekey(rekey)).await
    }

    async fn add(&mut self, socket: &mut Socket, key_id: &KeyId, others: &[&Person]) -> Result<()> {
        let wraps: Vec<_> = others.iter().map(|other| (other.id(), sealed_wrap())).collect();
        for some in wraps.chunks(limits::MAX_WRAPS_PER_FRAME) {
            self.stage(socket, key_id, some).await?;
        }
        for (other, (_, wrap)) in others.iter().zip(&wraps) {
            self.append(socket, add_member(other, wrap)).await?;
        }
        Ok(())
    }

    async fn stage(&self, socket: &mut Socket, key_id: &KeyId, wraps: &[(PrincipalId, Bytes)]) -> Result<()> {
        let wraps = wraps.iter().map(|(recipient, sealed)| wire::Wrap {
            recipient: recipient.to_bytes(),
            sealed: sealed.clone(),
        });
        let stage = wire::StageWraps {
            space_id: self.fold.space_id().to_bytes(),
            epoch: 1,
            key_id: key_id.to_bytes(),
            wraps: wraps.collect(),
        };
        match socket.ask(Request::StageWraps(stage)).await? {
            Answer::WrapsStaged(_) => Ok(()),
            other => bail!("the relay answered staged wraps with {other:?}"),
        }
    }

    fn finish(self) -> Room {
        let chain = self.fold.chain();
        Room {
            id: chain.space_id(),
            key_id: chain.epoch().expect("it was rekeyed").key_id,
            control_index: chain.index(),
            control_head: chain.head(),
            cursor: self.fold.cursor(),
        }
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
    let mut wrap = vec![0; limits::WRAP];
    fill(&mut wrap);
    wrap.into()
}

/// Stands for a random one: the ciphertext is not made with it.
fn nonce(writer_index: u64) -> [u8; limits::NONCE] {
    let mut nonce = [0; limits::NONCE];
    nonce[..8].copy_from_slice(&writer_index.to_be_bytes());
    nonce
}
