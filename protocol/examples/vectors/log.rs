//! One log, and entries that must not stand at its next place.

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::control::{Link, ParsedControl, sign_control};
use sealpost_protocol::event::{EventHeader, sign_event};
use sealpost_protocol::fold::{SpaceFold, Verdict};
use sealpost_protocol::ids::{EventId, KeyId, Root, SpaceId, WriterId};
use sealpost_protocol::limits;
use sealpost_protocol::root::{Cursor, empty_root};
use sealpost_protocol::wire::{self, control_record::Body, entry::Kind};
use serde_json::{Value, json};

use super::File;
use super::entries::genesis_body;
use super::people::Person;

const WRITER: WriterId = WriterId::new([9; 16]);

/// The code, why, and what is changed of an honest header.
type ForgedEvent<'a> = (&'a str, &'a str, &'a dyn Fn(&mut EventHeader));

pub(super) struct Log {
    pub(super) fold: SpaceFold,
    pub(super) roots: Vec<Root>,
    pub(super) vectors: Vec<Value>,
}

pub fn log() -> File {
    let (alice, bob) = (Person::alice(), Person::bob());
    let mut log = Log::new(&alice);
    log.control(&alice, rekey(1, 1, 0), "the creator makes the first epoch");
    let add = add(&bob, Capabilities::WRITE);
    log.control(
        &alice,
        add,
        "Bob may write; history is shared, so the record names his wrap",
    );
    let alices = log.event(&alice, |_| {}, "Alice's first event");
    log.event(
        &bob,
        |_| {},
        "Bob's first event, of the same writer id: writers belong to their principal",
    );
    log.refused_controls(&alice, &bob);
    log.refused_events(&alice, &bob);
    log.repeat(
        &alices,
        4,
        "a repeat takes no place and is acked with its first one",
    );
    log.control(
        &alice,
        rekey(2, 2, limits::SEALED_PREVIOUS),
        "a second epoch, with the first one's secret sealed",
    );
    let stale = log.signed(&alice, |header| (header.epoch, header.key_id) = (1, key_id(1)));
    log.refused(stale, "stale_epoch", "sealed under the first epoch");
    (
        "A log, entry by entry: `refused` null entries take the next place with this root, others are refused with that code and change nothing; `repeat_of` is the place of an entry that is there already.",
        log.vectors,
    )
}

impl Log {
    pub(super) fn new(owner: &Person) -> Self {
        let genesis = sign_control(&Link::Genesis, &owner.id(), genesis_body(owner), &owner.key);
        let fold =
            SpaceFold::from_genesis(&ParsedControl::parse(&genesis).expect("our own")).expect("our own");
        let mut log = Self {
            roots: vec![empty_root(&fold.space_id()), fold.cursor().root],
            fold,
            vectors: Vec::new(),
        };
        log.note(Kind::Control(genesis), None, None, "Alice creates a space");
        log
    }

    pub(super) fn control(&mut self, author: &Person, body: Body, why: &str) {
        self.append(self.record(author, body), why);
    }

    pub(super) fn append(&mut self, record: wire::SignedControl, why: &str) {
        let parsed = ParsedControl::parse(&record).expect("our own");
        let roots = self.roots.clone();
        let cursor = self
            .fold
            .append_control(&parsed, &|seq| root_at(&roots, seq))
            .expect("the story keeps the rules");
        self.roots.push(cursor.root);
        self.note(Kind::Control(record), None, None, why);
    }

    pub(super) fn event(
        &mut self,
        author: &Person,
        change: impl FnOnce(&mut EventHeader),
        why: &str,
    ) -> Kind {
        let kind = self.signed(author, change);
        let Kind::Event(event) = &kind else {
            unreachable!("`signed` makes events")
        };
        let verified = self.fold.verify_event(event).expect("our own");
        let roots = self.roots.clone();
        let verdict = self.fold.check_event(&verified, &|seq| root_at(&roots, seq));
        assert_eq!(verdict, Ok(Verdict::Fresh), "{why}");
        let cursor = self.fold.append_event(&verified);
        self.roots.push(cursor.root);
        self.note(kind.clone(), None, None, why);
        kind
    }

    fn refused_controls(&mut self, alice: &Person, bob: &Person) {
        let (agent, carol) = (Person::agent(), Person::new(0xca, wire::PrincipalKind::Human));
        for (author, body, code, why) in [
            (
                bob,
                rekey(2, 2, limits::SEALED_PREVIOUS),
                "not_permitted",
                "a rekey by a member without `manage`",
            ),
            (
                bob,
                add(&carol, Capabilities::NONE),
                "not_permitted",
                "an add by a member without `invite`",
            ),
            (
                &carol,
                add(&carol, Capabilities::ALL),
                "not_a_member",
                "a stranger adds herself",
            ),
            (
                alice,
                add(bob, Capabilities::NONE),
                "control_invalid",
                "a member is added again",
            ),
            (
                alice,
                add(&agent, Capabilities::MANAGE),
                "control_invalid",
                "an agent with `manage`",
            ),
            (
                alice,
                add(&agent, Capabilities::INVITE),
                "control_invalid",
                "an agent with `invite`",
            ),
            (
                alice,
                rekey(3, 2, limits::SEALED_PREVIOUS),
                "control_invalid",
                "an epoch is skipped",
            ),
            (alice, rekey(1, 2, 0), "control_invalid", "an epoch comes again"),
            (
                alice,
                rekey(2, 1, limits::SEALED_PREVIOUS),
                "control_invalid",
                "a member gets no wrap",
            ),
            (
                alice,
                rekey(2, 3, limits::SEALED_PREVIOUS),
                "control_invalid",
                "a stranger gets a wrap",
            ),
            (
                alice,
                rekey(2, 2, 0),
                "control_invalid",
                "history is shared but the previous secret is missing",
            ),
        ] {
            let record = self.record(author, body);
            self.refused(Kind::Control(record), code, why);
        }
        let Body::AddMember(mut unnamed) = add(&carol, Capabilities::NONE) else {
            unreachable!("`add` adds")
        };
        unnamed.wrap_hash = Bytes::new();
        let unnamed = self.record(alice, Body::AddMember(unnamed));
        self.refused(
            Kind::Control(unnamed),
            "control_invalid",
            "history is shared but no wrap is named",
        );
        self.refused_links(alice, &carol);
    }

    fn refused_links(&mut self, alice: &Person, carol: &Person) {
        let Link::Next {
            space_id,
            control_index,
            previous_head,
            seen,
        } = self.link()
        else {
            unreachable!("a log has its genesis record")
        };
        let other = Root::new([0xee; 32]);
        for (link, code, why) in [
            (
                next(space_id, control_index - 1, previous_head, seen),
                "control_conflict",
                "another record took its index",
            ),
            (
                next(space_id, control_index + 1, previous_head, seen),
                "control_conflict",
                "a record before it is missing",
            ),
            (
                next(space_id, control_index, EventId::new([0xee; 32]), seen),
                "control_conflict",
                "follows another head",
            ),
            (
                next(SpaceId::new([0xee; 32]), control_index, previous_head, seen),
                "control_conflict",
                "of another space",
            ),
            (
                next(
                    space_id,
                    control_index,
                    previous_head,
                    Cursor { root: other, ..seen },
                ),
                "seen_mismatch",
                "saw another log",
            ),
            (
                next(space_id, control_index, previous_head, Cursor { seq: 99, ..seen }),
                "seen_mismatch",
                "saw more than there is",
            ),
        ] {
            let record = sign_control(&link, &alice.id(), add(carol, Capabilities::NONE), &alice.key);
            self.refused(Kind::Control(record), code, why);
        }
        let forged = sign_control(
            &self.link(),
            &alice.id(),
            add(carol, Capabilities::NONE),
            &carol.key,
        );
        self.refused(
            Kind::Control(forged),
            "bad_signature",
            "in Alice's name, by another key",
        );
    }

    fn refused_events(&mut self, alice: &Person, bob: &Person) {
        let other = EventId::new([0xee; 32]);
        let cases: [ForgedEvent; 12] = [
            ("malformed", "of another space", &|header| {
                header.space_id = SpaceId::new([0xee; 32])
            }),
            ("not_a_member", "by nobody", &|header| {
                header.principal_id = Person::agent().id()
            }),
            ("bad_signature", "in Bob's name, by Alice's key", &|header| {
                header.principal_id = bob.id()
            }),
            ("stale_epoch", "of an epoch that is not there yet", &|header| {
                header.epoch = 2
            }),
            ("wrong_key", "sealed under another key", &|header| {
                header.key_id = KeyId::new([0xee; 32])
            }),
            ("control_conflict", "knew another control head", &|header| {
                header.control_head = other
            }),
            (
                "control_conflict",
                "knew a control record that is not there yet",
                &|header| header.control_index = 9,
            ),
            ("seen_mismatch", "saw another log", &|header| {
                header.seen.root = Root::new([0xee; 32])
            }),
            ("seen_mismatch", "saw more than there is", &|header| {
                header.seen.seq = 99
            }),
            ("writer_gap", "an event of its writer is missing", &|header| {
                header.writer_index = 3
            }),
            (
                "writer_conflict",
                "follows another event of its writer",
                &|header| header.previous_event_id = Some(other),
            ),
            (
                "writer_conflict",
                "another event took its writer's index",
                &|header| {
                    (header.writer_index, header.previous_event_id) = (1, None);
                },
            ),
        ];
        for (code, why, change) in cases {
            let kind = self.signed(alice, change);
            self.refused(kind, code, why);
        }
        let first = self.roots[2];
        let blind = self.signed(alice, |header| header.seen = Cursor { seq: 2, root: first });
        self.refused(blind, "seen_mismatch", "saw less than its writer's event before");
        let new_writer = self.signed(alice, |header| header.writer_id = WriterId::new([8; 16]));
        self.refused(new_writer, "writer_gap", "a new writer that does not begin at 1");
    }

    pub(super) fn link(&self) -> Link {
        let chain = self.fold.chain();
        next(
            self.fold.space_id(),
            chain.index() + 1,
            chain.head(),
            self.fold.cursor(),
        )
    }

    pub(super) fn record(&self, author: &Person, body: Body) -> wire::SignedControl {
        sign_control(&self.link(), &author.id(), body, &author.key)
    }

    pub(super) fn signed(&self, author: &Person, change: impl FnOnce(&mut EventHeader)) -> Kind {
        let chain = self.fold.chain();
        let epoch = chain.epoch().map_or(1, |epoch| epoch.number);
        let position = self.fold.writers().position(&author.id(), &WRITER);
        let mut header = EventHeader {
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
            nonce: [0x24; limits::NONCE],
        };
        change(&mut header);
        Kind::Event(sign_event(&header, Bytes::from_static(&[0xcc; 272]), &author.key))
    }

    pub(super) fn refused(&mut self, kind: Kind, code: &str, why: &str) {
        self.note(kind, Some(code), None, why);
    }

    fn repeat(&mut self, kind: &Kind, seq: u64, why: &str) {
        self.note(kind.clone(), None, Some(seq), why);
    }

    fn note(&mut self, kind: Kind, refused: Option<&str>, repeat_of: Option<u64>, why: &str) {
        let cursor = self.fold.cursor();
        let appended = refused.is_none() && repeat_of.is_none();
        self.vectors.push(json!({
            "why": why,
            "entry": hex::encode(wire::Entry { kind: Some(kind) }.encode_to_vec()),
            "refused": refused,
            "repeat_of": repeat_of,
            "seq": appended.then_some(cursor.seq),
            "root": appended.then(|| cursor.root.to_string()),
        }));
    }
}

fn next(space_id: SpaceId, control_index: u64, previous_head: EventId, seen: Cursor) -> Link {
    Link::Next {
        space_id,
        control_index,
        previous_head,
        seen,
    }
}

fn root_at(roots: &[Root], seq: u64) -> Option<Root> {
    roots.get(usize::try_from(seq).ok()?).copied()
}

pub(super) fn key_id(epoch: u64) -> KeyId {
    KeyId::new([0x40 + epoch.to_le_bytes()[0]; 32])
}

pub(super) fn rekey(epoch: u64, wrap_count: u32, sealed_previous: usize) -> Body {
    Body::Rekey(wire::Rekey {
        epoch,
        key_id: key_id(epoch).to_bytes(),
        wraps_digest: Bytes::from_static(&[0xd1; 32]),
        wrap_count,
        sealed_previous: vec![0x5e; sealed_previous].into(),
    })
}

pub(super) fn add(person: &Person, capabilities: Capabilities) -> Body {
    Body::AddMember(wire::AddMember {
        manifest: person.manifest.bytes().clone(),
        capabilities: capabilities.bits(),
        wrap_hash: Bytes::from_static(&[0x3a; 32]),
    })
}
