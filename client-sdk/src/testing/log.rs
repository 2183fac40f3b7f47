//! A log with the keys of its writers: what a relay that knows everything could serve.

use std::collections::HashMap;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sealpost_protocol::chain::{Capabilities, invite_recipient};
use sealpost_protocol::checkpoint::Checkpoint;
use sealpost_protocol::control::{Link, ParsedControl, co_sign_control, sign_control};
use sealpost_protocol::event::{EventHeader, ParsedEvent, sign_event};
use sealpost_protocol::fold::{Refusal, SpaceFold, Verdict};
use sealpost_protocol::ids::{EventId, Incarnation, PrincipalId, Root, SpaceId, WriterId};
use sealpost_protocol::invite::InviteLink;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{self, Entry, Policy, SignedControl, SignedEvent};
use sealpost_protocol::wrap::wrap_hash;

use super::wire::INCARNATION;
use crate::content::{Content, Message, seal_content};
use crate::epoch::{EpochKey, EpochRef, EpochSecret, seal_previous, seal_wrap};
use crate::identity::Identity;
use crate::invite::InviteKeys;
use crate::space::wraps::{rekey_body, wrap_for};

pub(crate) const OTHER_WRITER: WriterId = WriterId::new([0xaa; 16]);
/// Entries of one page.
const PAGE: usize = 16;
pub(crate) const RECEIPT: [u8; 32] = [0xcc; 32];

pub(crate) struct TestLog {
    pub(crate) fold: SpaceFold,
    pub(crate) entries: Vec<Entry>,
    pub(crate) roots: Vec<Root>,
    /// The secrets, from epoch 1 on.
    keys: Vec<EpochKey>,
    /// By epoch and recipient.
    pub(crate) wraps: HashMap<(u64, PrincipalId), Bytes>,
    rng: StdRng,
}

impl Clone for TestLog {
    fn clone(&self) -> Self {
        Self {
            fold: self.fold.clone(),
            entries: self.entries.clone(),
            roots: self.roots.clone(),
            keys: self.keys.iter().map(duplicate).collect(),
            wraps: self.wraps.clone(),
            rng: StdRng::seed_from_u64(99),
        }
    }
}

fn duplicate(key: &EpochKey) -> EpochKey {
    let secret = EpochSecret::from_slice(key.secret().expose_secret()).unwrap();
    EpochKey::checked(*key.at(), secret).ok().unwrap()
}

/// The key that the relay signs checkpoints with.
pub(crate) fn checkpoint_key() -> SigningKey {
    SigningKey::from_bytes(&[0xcb; 32])
}

impl TestLog {
    /// A space of `owner` at epoch 1: two entries.
    pub(crate) fn new(owner: &Identity, share_history: bool) -> Self {
        let retention_seconds = 0;
        Self::with_policy(
            owner,
            Policy {
                share_history,
                retention_seconds,
            },
        )
    }

    /// The same under a policy.
    pub(crate) fn with_policy(owner: &Identity, policy: Policy) -> Self {
        let genesis = wire::Genesis {
            salt: Bytes::from_static(&[2; 32]),
            manifest: owner.manifest().bytes().clone(),
            policy: Some(policy),
        };
        let record = sign_control(
            &Link::Genesis,
            &owner.id(),
            Body::Genesis(genesis),
            owner.signing_key(),
        );
        let fold = SpaceFold::from_genesis(&ParsedControl::parse(&record).unwrap()).unwrap();
        let mut log = Self {
            roots: vec![Cursor::start(&fold.space_id()).root, fold.cursor().root],
            fold,
            entries: vec![control_entry(record)],
            keys: Vec::new(),
            wraps: HashMap::new(),
            rng: StdRng::seed_from_u64(7),
        };
        log.rekey(owner);
        log
    }

    pub(crate) fn space_id(&self) -> SpaceId {
        self.fold.space_id()
    }

    pub(crate) fn head(&self) -> Cursor {
        self.fold.cursor()
    }

    pub(crate) fn cursor_at(&self, seq: u64) -> Cursor {
        let root = self.roots[usize::try_from(seq).unwrap()];
        Cursor { seq, root }
    }

    pub(crate) fn key(&self) -> &EpochKey {
        self.keys.last().unwrap()
    }

    /// The relay's signed word that the log has this place.
    pub(crate) fn signed(&self, at: Cursor) -> wire::SignedCheckpoint {
        let checkpoint = Checkpoint {
            space_id: self.space_id(),
            incarnation: Incarnation::new(INCARNATION),
            at,
        };
        checkpoint.sign(&checkpoint_key())
    }

    /// A record by `author` that follows the control head.
    pub(crate) fn record(&self, author: &Identity, body: Body) -> SignedControl {
        let link = Link::Next {
            space_id: self.space_id(),
            control_index: self.fold.chain().index() + 1,
            previous_head: self.fold.chain().head(),
            seen: self.head(),
        };
        sign_control(&link, &author.id(), body, author.signing_key())
    }

    /// Begins the next epoch, wrapped to all members.
    pub(crate) fn rekey(&mut self, author: &Identity) {
        let epoch = self.keys.len() as u64 + 1;
        let key = EpochKey::generate(self.space_id(), epoch, &mut self.rng);
        let recipients = self.fold.chain().recipients();
        let wraps: Vec<_> = recipients
            .iter()
            .map(|recipient| wrap_for(&key, recipient, &mut self.rng).unwrap())
            .collect();
        let shares = self.fold.chain().policy().share_history && epoch > 1;
        let sealed = if shares {
            seal_previous(&key, self.keys.last().unwrap(), &mut self.rng)
        } else {
            Bytes::new()
        };
        let body = Body::Rekey(rekey_body(&key, &wraps, sealed));
        let record = self.record(author, body);
        self.append(control_entry(record)).unwrap();
        for (recipient, wrap) in recipients.iter().zip(wraps) {
            self.wraps.insert((epoch, recipient.id()), wrap.sealed);
        }
        self.keys.push(key);
    }

    /// Adds a member with a wrap of the current secret.
    pub(crate) fn add(&mut self, author: &Identity, newcomer: &Identity, capabilities: Capabilities) {
        let shares = self.fold.chain().policy().share_history;
        let wrap = seal_wrap(self.keys.last().unwrap(), newcomer.manifest(), &mut self.rng).unwrap();
        let hash = Bytes::copy_from_slice(&wrap_hash(&wrap));
        let body = Body::AddMember(wire::AddMember {
            manifest: newcomer.manifest().bytes().clone(),
            capabilities: capabilities.bits(),
            wrap_hash: if shares { hash } else { Bytes::new() },
        });
        let record = self.record(author, body);
        self.append(control_entry(record)).unwrap();
        self.wraps.insert((self.keys.len() as u64, newcomer.id()), wrap);
    }

    /// A record of `author`, as an honest relay takes it.
    pub(crate) fn control(&mut self, author: &Identity, body: Body) -> Cursor {
        let record = self.record(author, body);
        self.append(control_entry(record)).unwrap()
    }

    /// Removes a member, without the rekey that belongs to it.
    pub(crate) fn remove(&mut self, author: &Identity, member: &Identity) {
        let principal_id = member.id().to_bytes();
        self.control(author, Body::RemoveMember(wire::RemoveMember { principal_id }));
    }

    /// The header of the next event of `author` under a writer id.
    pub(crate) fn header(&self, author: &Identity, writer_id: WriterId) -> EventHeader {
        let position = self.fold.writers().position(&author.id(), &writer_id);
        let EpochRef { epoch, key_id, .. } = *self.key().at();
        EventHeader {
            space_id: self.space_id(),
            epoch,
            key_id,
            principal_id: author.id(),
            writer_id,
            writer_index: position.map_or(0, |position| position.last_index) + 1,
            previous_event_id: position.map(|position| position.last_event_id),
            control_index: self.fold.chain().index(),
            control_head: self.fold.chain().head(),
            seen: self.head(),
            nonce: [u8::try_from(self.entries.len() % 251).unwrap(); 24],
        }
    }

    /// An event that stands nowhere yet.
    pub(crate) fn event(&self, author: &Identity, header: &EventHeader, text: &str) -> SignedEvent {
        let content = Content {
            author_time_ms: 1,
            messages: vec![Message::text(text)],
        };
        let ciphertext = seal_content(self.key(), header, &content);
        sign_event(header, ciphertext, author.signing_key())
    }

    /// Appends an event of another install than the tested one.
    pub(crate) fn write(&mut self, author: &Identity, text: &str) -> EventId {
        let header = self.header(author, OTHER_WRITER);
        let event = self.event(author, &header, text);
        let id = ParsedEvent::parse(&event).unwrap().id();
        self.append(event_entry(event)).unwrap();
        id
    }

    /// Appends what an honest relay would append; the place it has already, for a repeat.
    pub(crate) fn append(&mut self, entry: Entry) -> Result<Cursor, Refusal> {
        let roots = |seq: u64| self.roots.get(usize::try_from(seq).ok()?).copied();
        let cursor = match entry.kind.as_ref().unwrap() {
            Kind::Event(event) => {
                let event = self.fold.verify_event(event)?;
                match self.fold.check_event(&event, &roots)? {
                    Verdict::Fresh => self.fold.append_event(&event),
                    Verdict::Repeat { seq } => return Ok(self.cursor_at(seq)),
                }
            }
            Kind::Control(control) => self
                .fold
                .append_control(&ParsedControl::parse(control)?, &roots)?,
        };
        self.keep_wrap_of(&entry);
        self.roots.push(cursor.root);
        self.entries.push(entry);
        Ok(cursor)
    }

    /// The wrap that a record brings with it.
    fn keep_wrap_of(&mut self, entry: &Entry) {
        let Some(Kind::Control(control)) = &entry.kind else {
            return;
        };
        let record = ParsedControl::parse(control).unwrap();
        let (recipient, wrap) = match record.body {
            Body::CreateInvite(create) => {
                let key = PublicKey::parse(&create.invite_key).unwrap();
                (invite_recipient(&key, &create.hpke_key).id(), create.wrap)
            }
            Body::AcceptInvite(accept) => (record.author, accept.wrap),
            _ => return,
        };
        if !wrap.is_empty() {
            self.wraps
                .insert((self.fold.chain().epoch_number(), recipient), wrap);
        }
    }

    /// An invite of `author` for one newcomer who writes.
    pub(crate) fn invite(&mut self, author: &Identity, link: &InviteLink, needs_approval: bool) {
        let keys = InviteKeys::of(link);
        let carries = self.fold.chain().policy().share_history && !needs_approval;
        let wrap = wrap_for(self.keys.last().unwrap(), &keys.recipient(), &mut self.rng).unwrap();
        let body = wire::CreateInvite {
            invite_key: Bytes::copy_from_slice(keys.public().as_bytes()),
            capabilities: Capabilities::WRITE.bits(),
            expires_at_s: 0,
            uses: 1,
            needs_approval,
            hpke_key: keys.hpke_public().clone(),
            wrap: if carries { wrap.sealed } else { Bytes::new() },
        };
        self.control(author, Body::CreateInvite(body));
    }

    /// Accepts an invite that carries no secret.
    pub(crate) fn accept(&mut self, joiner: &Identity, link: &InviteLink) {
        let keys = InviteKeys::of(link);
        let body = wire::AcceptInvite {
            invite_key: Bytes::copy_from_slice(keys.public().as_bytes()),
            manifest: joiner.manifest().bytes().clone(),
            wrap: Bytes::new(),
        };
        let record = self.record(joiner, Body::AcceptInvite(body));
        let record = co_sign_control(record, keys.signing_key());
        self.append(control_entry(record)).unwrap();
    }

    /// Makes every wrap one of another secret.
    pub(crate) fn damage_wraps(&mut self) {
        for wrap in self.wraps.values_mut() {
            *wrap = Bytes::from_static(&[7; limits::WRAP]);
        }
    }

    /// The entries after a place.
    pub(crate) fn page_after(&self, seq: u64) -> wire::Page {
        let entries = self.entries[usize::try_from(seq).unwrap()..].to_vec();
        wire::Page {
            first_seq: seq + 1,
            entries,
            last_root: self.head().root.to_bytes(),
            receipt: Bytes::from_static(&RECEIPT),
        }
    }

    /// The entries after a place, a few at a time.
    pub(crate) fn pages_after(&self, seq: u64) -> Vec<wire::Page> {
        let rest = self.page_after(seq);
        let chunks = rest.entries.chunks(PAGE);
        let pages = (rest.first_seq..)
            .step_by(PAGE)
            .zip(chunks)
            .map(|(first_seq, entries)| {
                let last = self.cursor_at(first_seq + entries.len() as u64 - 1);
                wire::Page {
                    first_seq,
                    entries: entries.to_vec(),
                    last_root: last.root.to_bytes(),
                    receipt: Bytes::from_static(&RECEIPT),
                }
            });
        pages.collect()
    }

    pub(crate) fn subscribed(&self) -> wire::Subscribed {
        wire::Subscribed {
            head_seq: self.head().seq,
            head_root: self.head().root.to_bytes(),
            receipt: Bytes::from_static(&RECEIPT),
            recovering: false,
        }
    }
}

pub(crate) fn control_entry(record: SignedControl) -> Entry {
    Entry {
        kind: Some(Kind::Control(record)),
    }
}

pub(crate) fn event_entry(event: SignedEvent) -> Entry {
    Entry {
        kind: Some(Kind::Event(event)),
    }
}
