//! A space in memory, for the tests of this crate.

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::chain::{Capabilities, ChainError};
use crate::control::{Link, ParsedControl, co_sign_control, sign_control};
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

/// The keys of an invite, which only its link's holders have.
pub struct InviteKeys {
    pub key: SigningKey,
    hpke_key: Bytes,
}

impl InviteKeys {
    pub fn public_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(PublicKey::of(&self.key).as_bytes())
    }
}

pub fn invite(number: u8) -> InviteKeys {
    InviteKeys {
        key: SigningKey::from_bytes(&[number ^ 0x80; 32]),
        hpke_key: vec![number; limits::HPKE_KEY].into(),
    }
}

/// A log with everything needed to write its next entry.
#[derive(Clone)]
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
        self.fold.chain().next_link(self.fold.cursor())
    }

    pub fn root_at(&self, seq: u64) -> Option<Root> {
        self.roots.get(usize::try_from(seq).ok()?).copied()
    }

    pub fn record(&self, author: &Person, body: Body) -> ParsedControl {
        let record = sign_control(&self.link(), &author.id(), body, &author.key);
        ParsedControl::parse(&record).unwrap()
    }

    pub fn control(&mut self, author: &Person, body: Body) -> Result<Cursor, Refusal> {
        self.append_control(&self.record(author, body))
    }

    /// What is refused changes nothing.
    pub fn append_control(&mut self, record: &ParsedControl) -> Result<Cursor, Refusal> {
        let mut fold = self.fold.clone();
        match fold.append_control(record, &|seq| self.root_at(seq)) {
            Ok(cursor) => {
                self.roots.push(cursor.root);
                self.fold = fold;
                Ok(cursor)
            }
            Err(refusal) => {
                assert_eq!(fold, self.fold, "what was refused changed the log");
                Err(refusal)
            }
        }
    }

    pub fn grant(
        &mut self,
        author: &Person,
        member: &Person,
        capabilities: Capabilities,
    ) -> Result<Cursor, Refusal> {
        let body = wire::SetCapabilities {
            principal_id: member.id().to_bytes(),
            capabilities: capabilities.bits(),
        };
        self.control(author, Body::SetCapabilities(body))
    }

    pub fn invite_body(&self, number: u8, capabilities: Capabilities, uses: u32) -> Body {
        let keys = invite(number);
        let shares = self.fold.chain().policy().share_history;
        Body::CreateInvite(wire::CreateInvite {
            invite_key: keys.public_bytes(),
            capabilities: capabilities.bits(),
            expires_at_s: 0,
            uses,
            needs_approval: false,
            hpke_key: keys.hpke_key,
            wrap: vec![8; if shares { limits::WRAP } else { 0 }].into(),
        })
    }

    pub fn invite(
        &mut self,
        author: &Person,
        number: u8,
        capabilities: Capabilities,
        uses: u32,
    ) -> Result<Cursor, Refusal> {
        let body = self.invite_body(number, capabilities, uses);
        self.control(author, body)
    }

    pub fn invite_with_approval(
        &mut self,
        author: &Person,
        number: u8,
        capabilities: Capabilities,
        uses: u32,
    ) -> Result<Cursor, Refusal> {
        let Body::CreateInvite(mut create) = self.invite_body(number, capabilities, uses) else {
            unreachable!()
        };
        create.needs_approval = true;
        create.wrap = Bytes::new();
        self.control(author, Body::CreateInvite(create))
    }

    pub fn revoke(&mut self, author: &Person, number: u8) -> Result<Cursor, Refusal> {
        let invite_key = invite(number).public_bytes();
        self.control(author, Body::RevokeInvite(wire::RevokeInvite { invite_key }))
    }

    pub fn accept_body(&self, joiner: &Person, number: u8) -> Body {
        let key = PublicKey::of(&invite(number).key);
        let carries = self
            .fold
            .chain()
            .invite(&key)
            .is_some_and(|invite| invite.carries_secret);
        Body::AcceptInvite(wire::AcceptInvite {
            invite_key: invite(number).public_bytes(),
            manifest: joiner.manifest.bytes().clone(),
            wrap: vec![9; if carries { limits::WRAP } else { 0 }].into(),
        })
    }

    /// An acceptance in `joiner`'s name, signed by `signer` and the invite `co_signer`.
    pub fn acceptance(&self, joiner: &Person, signer: &Person, number: u8, co_signer: u8) -> ParsedControl {
        let Body::AcceptInvite(accept) = self.accept_body(joiner, number) else {
            unreachable!()
        };
        self.accepted(joiner, signer, co_signer, accept)
    }

    pub fn accepted(
        &self,
        joiner: &Person,
        signer: &Person,
        co_signer: u8,
        accept: wire::AcceptInvite,
    ) -> ParsedControl {
        let body = Body::AcceptInvite(accept);
        let record = sign_control(&self.link(), &joiner.id(), body, &signer.key);
        ParsedControl::parse(&co_sign_control(record, &invite(co_signer).key)).unwrap()
    }

    pub fn accept(&mut self, joiner: &Person, number: u8) -> Result<Cursor, Refusal> {
        self.append_control(&self.acceptance(joiner, joiner, number, number))
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
            wrap_count: u32::try_from(chain.recipients().len()).unwrap(),
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
        self.fold.check_event(&event, &|seq| self.root_at(seq))?;
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
