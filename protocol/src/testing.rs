//! A space in memory, for the tests of this crate.

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::chain::{Capabilities, ChainError};
use crate::control::{Link, ParsedControl, sign_control};
use crate::event::{EventHeader, VerifiedEvent, sign_event};
use crate::fold::{Refusal, SpaceFold};
use crate::hash::Digest32;
use crate::ids::{EventId, KeyId, PrincipalId, Root, WriterId};
use crate::keys::PublicKey;
use crate::limits;
use crate::manifest::Manifest;
use crate::root::Cursor;
use crate::wire::control_record::Body;
use crate::wire::{self, PrincipalKind};

pub const WRITER: WriterId = WriterId::new([1; 16]);

/// Someone with keys.
pub struct Person {
    pub key: SigningKey,
    pub manifest: Manifest,
}

impl Person {
    pub fn new(seed: u8, kind: PrincipalKind) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let manifest = Manifest::new(kind, &PublicKey::of(&key), &[seed; limits::HPKE_KEY]).unwrap();
        Self { key, manifest }
    }

    pub fn human(seed: u8) -> Self {
        Self::new(seed, PrincipalKind::Human)
    }

    pub fn id(&self) -> PrincipalId {
        self.manifest.id()
    }
}

/// A log with everything needed to write its next entry.
pub struct Space {
    pub fold: SpaceFold,
    pub roots: Vec<Root>,
}

impl Space {
    /// A space of `owner`, at epoch 0.
    pub fn genesis(owner: &Person, share_history: bool) -> Self {
        let record = genesis_record(owner, share_history);
        let fold = SpaceFold::from_genesis(&record).unwrap();
        let roots = vec![Cursor::start(&fold.space_id()).root, fold.cursor().root];
        Self { fold, roots }
    }

    /// A space of `owner`, at epoch 1.
    pub fn new(owner: &Person, share_history: bool) -> Self {
        let mut space = Self::genesis(owner, share_history);
        space.rekey(owner).unwrap();
        space
    }

    pub fn link(&self) -> Link {
        Link::Next {
            space_id: self.fold.space_id(),
            control_index: self.fold.chain().index() + 1,
            previous_head: self.fold.chain().head(),
            seen: self.fold.cursor(),
        }
    }

    pub fn control(&mut self, author: &Person, body: Body) -> Result<Cursor, Refusal> {
        let record = sign_control(&self.link(), &author.id(), body, &author.key);
        self.append_control(&ParsedControl::parse(&record)?)
    }

    pub fn append_control(&mut self, record: &ParsedControl) -> Result<Cursor, Refusal> {
        let cursor = self
            .fold
            .append_control(record, &|seq| self.roots.get(usize::try_from(seq).ok()?).copied())?;
        self.roots.push(cursor.root);
        Ok(cursor)
    }

    pub fn add(
        &mut self,
        author: &Person,
        newcomer: &Person,
        capabilities: Capabilities,
    ) -> Result<Cursor, Refusal> {
        self.control(author, self.add_body(newcomer, capabilities))
    }

    pub fn add_body(&self, newcomer: &Person, capabilities: Capabilities) -> Body {
        let named = if self.fold.chain().policy().share_history {
            size_of::<Digest32>()
        } else {
            0
        };
        Body::AddMember(wire::AddMember {
            manifest: newcomer.manifest.bytes().clone(),
            capabilities: capabilities.bits(),
            wrap_hash: vec![5; named].into(),
        })
    }

    pub fn rekey(&mut self, author: &Person) -> Result<Cursor, Refusal> {
        self.control(author, Body::Rekey(self.next_rekey()))
    }

    pub fn next_rekey(&self) -> wire::Rekey {
        let chain = self.fold.chain();
        let epoch = chain.epoch().map_or(0, |epoch| epoch.number) + 1;
        let history = chain.policy().share_history && epoch > 1;
        wire::Rekey {
            epoch,
            key_id: key_id(epoch).to_bytes(),
            wraps_digest: Bytes::from_static(&[6; 32]),
            wrap_count: u32::try_from(chain.members().len()).unwrap(),
            sealed_previous: vec![7; if history { limits::SEALED_PREVIOUS } else { 0 }].into(),
        }
    }

    pub fn header(&self, author: &Person) -> EventHeader {
        let chain = self.fold.chain();
        let epoch = chain.epoch().map_or(1, |epoch| epoch.number);
        let position = self.fold.writers().position(&author.id(), &WRITER);
        EventHeader {
            space_id: self.fold.space_id(),
            epoch,
            key_id: key_id(epoch),
            principal_id: author.id(),
            writer_id: WRITER,
            writer_index: position.map_or(0, |position| position.last_index) + 1,
            previous_event_id: position.map(|position| position.last_event_id),
            control_index: chain.index(),
            control_head: chain.head(),
            seen: self.fold.cursor(),
            nonce: [0; 24],
        }
    }

    pub fn event(&self, author: &Person, header: &EventHeader) -> Result<VerifiedEvent, Refusal> {
        self.fold
            .verify_event(&sign_event(header, Bytes::from_static(&[0xcc; 40]), &author.key))
    }

    pub fn publish(&mut self, author: &Person, header: &EventHeader) -> Result<Cursor, Refusal> {
        let event = self.event(author, header)?;
        self.fold
            .check_event(&event, &|seq| self.roots.get(usize::try_from(seq).ok()?).copied())?;
        let cursor = self.fold.append_event(&event);
        self.roots.push(cursor.root);
        Ok(cursor)
    }
}

pub fn genesis_record(owner: &Person, share_history: bool) -> ParsedControl {
    let genesis = wire::Genesis {
        salt: Bytes::from_static(&[2; 32]),
        manifest: owner.manifest.bytes().clone(),
        policy: Some(wire::Policy {
            share_history,
            retention_seconds: 0,
        }),
    };
    let record = sign_control(&Link::Genesis, &owner.id(), Body::Genesis(genesis), &owner.key);
    ParsedControl::parse(&record).unwrap()
}

pub fn key_id(epoch: u64) -> KeyId {
    KeyId::new([u8::try_from(epoch).unwrap(); 32])
}

pub fn rule(result: Result<Cursor, Refusal>) -> &'static str {
    match result {
        Err(Refusal::Chain(ChainError::Rule(rule))) => rule,
        other => panic!("expected a broken rule, got {other:?}"),
    }
}

pub const OTHER_EVENT: EventId = EventId::new([0xee; 32]);
