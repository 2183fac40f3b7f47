//! Two relays, four writers, a reader, and the list.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use prost::Message as _;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::client_frame::Body as Request;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{self, Ack, Published};

use super::super::super::SocketSettings;
use super::super::client::{Client, Person};
use super::super::relay::Relay;
use super::{Fault, Mishap, Step, WRITERS};
use crate::log::LogLimits;
use crate::log::tests::appending::run_seen_from_afar;
use crate::log::tests::chat::{Chat, event_entry, key_id, sealed_wrap};
use crate::testing::TestLog;

/// Entries that the creation of a space takes.
const CREATION: usize = 2;

pub(super) struct World {
    database: Arc<TestLog>,
    relays: Vec<Relay>,
    chat: Chat,
    /// The space as it was before its last rekey.
    before_rekey: Option<Chat>,
    writers: Vec<Person>,
    /// The oracle: what was acked, at its place (the first entry has index 0), without the records of the creation.
    entries: Vec<(Ack, wire::Entry)>,
    /// How many of these the reader has.
    read: usize,
}

impl World {
    pub(super) async fn new() -> Self {
        let database = Arc::new(TestLog::new().await);
        let relays = vec![relay(&database).await, relay(&database).await];
        let chat = Chat::create(&relays[0].log, &Person::alice().actor).await;
        let device = |writer| {
            let alice = Person::alice();
            Person {
                actor: alice.actor.at_device(u8::try_from(writer).unwrap() + 10),
                ..alice
            }
        };
        Self {
            database,
            relays,
            chat,
            before_rekey: None,
            writers: (0..WRITERS).map(device).collect(),
            entries: Vec::new(),
            read: 0,
        }
    }

    pub(super) async fn run(&mut self, step: &Step) -> TestCaseResult {
        match step {
            Step::Burst(counts) => self.burst(counts, None).await,
            Step::BurstAgainstRekey { relay, counts } => self.burst(counts, Some(*relay)).await,
            Step::BurstOverCutDatabase(counts) => self.burst_over_cut_database(counts).await,
            Step::Mishap {
                relay,
                writer,
                count,
                mishap,
            } => self.mishap(*relay, *writer, *count, *mishap).await,
            Step::Resend { relay, seq } => self.resend(*relay, *seq).await,
            Step::Refused { relay, writer, fault } => self.refused(*relay, *writer, *fault).await,
            Step::Rekey { relay } => self.burst(&[0; WRITERS], Some(*relay)).await,
            Step::Resume { relay, pages } => self.resume(*relay, *pages).await,
            Step::Read { relay, after } => self.read_from(*relay, *after).await,
            Step::Restart { relay } => self.restart(*relay).await,
        }
    }

    /// Everything that was acked is there, at both relays, and the reader gets the rest of it.
    pub(super) async fn end(&mut self) -> TestCaseResult {
        for relay in 0..2 {
            self.read_from(relay, 0).await?;
        }
        self.resume(0, usize::MAX).await?;
        prop_assert_eq!(self.read, self.entries.len());
        Ok(())
    }

    async fn socket(&self, relay: usize, person: &Person) -> Client {
        Client::log_in(&self.relays[relay], person).await
    }

    /// Publishes through a socket of its own.
    async fn publish(&self, relay: usize, person: &Person, entries: &[wire::Entry]) -> Published {
        let mut client = self.socket(relay, person).await;
        client.send(self.request(entries)).await;
        match client.receive().await.body {
            Some(Body::Published(published)) => published,
            other => panic!("expected acks, got {other:?}"),
        }
    }

    fn request(&self, entries: &[wire::Entry]) -> Request {
        Request::Publish(wire::Publish {
            space_id: self.chat.id().to_bytes(),
            entries: entries.to_vec(),
        })
    }

    /// What each writer would send next, with nothing known of the others.
    fn drafts(&self, counts: &[usize; WRITERS]) -> Vec<Vec<wire::Entry>> {
        let draft = |(writer, count): (&Person, &usize)| {
            run_seen_from_afar(&mut self.chat.clone(), &writer.actor, *count)
        };
        self.writers.iter().zip(counts).map(draft).collect()
    }

    /// Takes what was acked into the list, by place; the fold of a client checks every entry.
    fn append(&mut self, mut placed: Vec<(Ack, wire::Entry)>) -> TestCaseResult {
        placed.sort_by_key(|(ack, _)| ack.seq);
        for (ack, entry) in placed {
            let cursor = self.chat.fold_entry(&entry);
            prop_assert_eq!((ack.seq, &ack.root), (cursor.seq, &cursor.root.to_bytes()));
            self.entries.push((ack, entry));
        }
        Ok(())
    }

    async fn burst(&mut self, counts: &[usize; WRITERS], rekey_at: Option<usize>) -> TestCaseResult {
        let (world, drafts) = (&*self, self.drafts(counts));
        let publishes = drafts.iter().enumerate().filter(|(_, draft)| !draft.is_empty());
        let publishes = publishes.map(|(writer, draft)| async move {
            let published = world.publish(writer % 2, &world.writers[writer], draft).await;
            (published, draft)
        });
        let rekey = async {
            match rekey_at {
                Some(relay) => Some(world.rekey(relay).await),
                None => None,
            }
        };
        let (published, rekeyed) = tokio::join!(join_all(publishes), rekey);
        let epoch = self.chat.next_epoch();
        let mut placed = Vec::new();
        for (Published { acks, nack }, draft) in published {
            match nack {
                // Whoever comes behind the rekey is told the epoch, unless the last entry was in front of it.
                Some(nack) => {
                    prop_assert!(rekeyed.is_some(), "{nack:?}");
                    prop_assert_eq!((nack.code.as_str(), nack.epoch), ("stale_epoch", epoch));
                }
                None => prop_assert_eq!(acks.len(), draft.len()),
            }
            prop_assert!(acks.iter().all(|ack| !ack.duplicate));
            placed.extend(acks.into_iter().zip(draft.iter().cloned()));
        }
        if let Some((Published { acks, nack }, record)) = rekeyed {
            prop_assert_eq!(nack, None);
            placed.push((acks[0].clone(), record));
            self.before_rekey = Some(self.chat.clone());
        }
        self.append(placed)
    }

    /// Stages the wraps of the next epoch and publishes its record.
    async fn rekey(&self, relay: usize) -> (Published, wire::Entry) {
        let alice = Person::alice();
        let epoch = self.chat.next_epoch();
        let wrap = |member: &sealpost_protocol::ids::PrincipalId| wire::Wrap {
            recipient: member.to_bytes(),
            sealed: sealed_wrap(epoch, member),
        };
        let mut client = self.socket(relay, &alice).await;
        let stage = wire::StageWraps {
            space_id: self.chat.id().to_bytes(),
            epoch,
            key_id: key_id(epoch).to_bytes(),
            wraps: self.chat.members().iter().map(wrap).collect(),
        };
        client.send(Request::StageWraps(stage)).await;
        let staged = client.receive().await;
        assert!(matches!(staged.body, Some(Body::WrapsStaged(_))), "{staged:?}");
        let record = self.chat.record(&alice.actor, self.chat.rekey_body());
        let published = self.publish(relay, &alice, std::slice::from_ref(&record)).await;
        (published, record)
    }

    async fn burst_over_cut_database(&mut self, counts: &[usize; WRITERS]) -> TestCaseResult {
        const CUT: &str = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'sealpost-relay'";
        let (world, drafts) = (&*self, self.drafts(counts));
        let publishes = drafts.iter().enumerate().map(|(writer, draft)| async move {
            let mut acks = Vec::new();
            while acks.len() < draft.len() {
                let published = world.publish(writer % 2, &world.writers[writer], draft).await;
                if let Some(nack) = &published.nack {
                    let code: Option<ErrorCode> = nack.code.parse().ok();
                    prop_assert!(code.is_some_and(ErrorCode::is_transient), "{nack:?}");
                }
                acks = published.acks;
            }
            Ok(acks.into_iter().zip(draft.iter().cloned()).collect::<Vec<_>>())
        });
        let (placed, _) = tokio::join!(join_all(publishes), world.database.database.texts(CUT));
        let placed: Result<Vec<_>, TestCaseError> = placed.into_iter().collect();
        self.append(placed?.concat())
    }

    async fn mishap(&mut self, relay: usize, writer: usize, count: usize, mishap: Mishap) -> TestCaseResult {
        let person = &self.writers[writer];
        let entries = run_seen_from_afar(&mut self.chat.clone(), &person.actor, count);
        self.fail_to_publish(relay, person, &entries, mishap).await;
        let Published { acks, nack } = self.publish(1 - relay, person, &entries).await;
        prop_assert_eq!((acks.len(), nack), (count, None));
        let expected = match mishap {
            Mishap::RequestLost => Some(false),
            Mishap::AnswerLost => Some(true),
            Mishap::Unknown => None,
        };
        prop_assert!(
            acks.iter()
                .all(|ack| expected.is_none_or(|was| ack.duplicate == was))
        );
        self.append(acks.into_iter().zip(entries).collect())
    }

    async fn fail_to_publish(&self, relay: usize, person: &Person, entries: &[wire::Entry], mishap: Mishap) {
        let mut client = self.socket(relay, person).await;
        match mishap {
            Mishap::RequestLost => {
                let frame = wire::ClientFrame {
                    request_id: 7,
                    body: Some(self.request(entries)),
                };
                let frame = frame.encode_to_vec();
                let length = u16::try_from(frame.len()).unwrap().to_be_bytes();
                // The head of a binary message with a mask of zeros, and half of the message.
                let head = [&[0x82, 0xfe][..], &length, &[0; 4], &frame[..frame.len() / 2]].concat();
                client.send_raw(&head).await;
            }
            Mishap::Unknown => drop(client.send(self.request(entries)).await),
            Mishap::AnswerLost => {
                client.send(self.request(entries)).await;
                let answer = client.receive().await;
                let Some(Body::Published(published)) = &answer.body else {
                    panic!("expected acks, got {answer:?}");
                };
                assert_eq!((published.acks.len(), &published.nack), (entries.len(), &None));
            }
        }
    }

    async fn resend(&mut self, relay: usize, seq: usize) -> TestCaseResult {
        let Some((first, entry)) = self.entries.get(seq % self.entries.len().max(1)) else {
            return Ok(());
        };
        let author = match &entry.kind {
            Some(wire::entry::Kind::Event(event)) => {
                let id = self.chat.fold.verify_event(event).unwrap().header.writer_id;
                self.writers
                    .iter()
                    .find(|writer| writer.actor.writer == id)
                    .unwrap()
            }
            _ => &self.writers[0],
        };
        let Published { acks, nack } = self.publish(relay, author, std::slice::from_ref(entry)).await;
        prop_assert_eq!(nack, None);
        let repeated = Ack {
            duplicate: true,
            ..first.clone()
        };
        prop_assert_eq!(&acks[0], &repeated);
        Ok(())
    }

    async fn refused(&mut self, relay: usize, writer: usize, fault: Fault) -> TestCaseResult {
        if fault == Fault::WrongCursor {
            return self.wrong_cursor(relay).await;
        }
        let Some((entry, code)) = self.faulty(writer, fault) else {
            return Ok(());
        };
        let published = self.publish(relay, &self.writers[writer], &[entry]).await;
        prop_assert_eq!(published.acks, vec![]);
        prop_assert_eq!(published.nack.unwrap().code, code);
        Ok(())
    }

    /// What must be refused, and with which code; `None` where the fault is not to be had yet.
    fn faulty(&self, writer: usize, fault: Fault) -> Option<(wire::Entry, &'static str)> {
        let author = &self.writers[writer].actor;
        let mut header = self.chat.header(author);
        let code = match fault {
            Fault::Gap => {
                header.writer_index += 1;
                header.previous_event_id = Some(self.chat.fold.chain().head());
                "writer_gap"
            }
            Fault::Fork if header.writer_index == 1 => return None,
            Fault::Fork => {
                header.writer_index -= 1;
                if header.writer_index == 1 {
                    header.previous_event_id = None;
                }
                "writer_conflict"
            }
            Fault::OtherLog => {
                header.seen.root = sealpost_protocol::ids::Root::new([3; 32]);
                "seen_mismatch"
            }
            Fault::Ahead => {
                header.seen.seq += 1;
                "seen_mismatch"
            }
            Fault::StaleEpoch => {
                self.before_rekey.as_ref()?;
                header.epoch -= 1;
                header.key_id = key_id(header.epoch);
                "stale_epoch"
            }
            Fault::StaleControl => {
                let before = self.before_rekey.as_ref()?;
                // Not the rekey once more: that would be a repeat.
                let body = before.add_body(&Person::bob().actor);
                return Some((before.record(author, body), "control_conflict"));
            }
            Fault::WrongCursor => return None,
        };
        Some((event_entry(&header, author, "refused"), code))
    }

    async fn wrong_cursor(&self, relay: usize) -> TestCaseResult {
        let head = self.chat.cursor();
        let beside = Cursor {
            root: self.chat.at(head.seq - 1).root,
            ..head
        };
        let ahead = Cursor {
            seq: head.seq + 1,
            ..head
        };
        let mut client = self.socket(relay, &Person::alice()).await;
        for cursor in [beside, ahead] {
            client.send(self.subscribe(cursor)).await;
            prop_assert_eq!(client.nack().await.1.code, "log_mismatch");
        }
        Ok(())
    }

    fn subscribe(&self, after: Cursor) -> Request {
        Request::Subscribe(wire::Subscribe {
            space_id: self.chat.id().to_bytes(),
            after_seq: after.seq,
            after_root: after.root.to_bytes(),
        })
    }

    async fn resume(&mut self, relay: usize, pages: usize) -> TestCaseResult {
        self.read = self.read_pages(relay, self.read, pages).await?;
        Ok(())
    }

    async fn read_from(&self, relay: usize, after: usize) -> TestCaseResult {
        let after = after % (self.entries.len() + 1);
        self.read_pages(relay, after, usize::MAX).await.map(drop)
    }

    /// Reads on behind the first `after` entries of the list, and holds what comes against it; how many it has then.
    async fn read_pages(&self, relay: usize, after: usize, pages: usize) -> Result<usize, TestCaseError> {
        let mut client = self.socket(relay, &Person::alice()).await;
        client
            .send(self.subscribe(self.chat.at((CREATION + after) as u64)))
            .await;
        let Some(Body::Subscribed(head)) = client.receive().await.body else {
            panic!("expected a head");
        };
        let cursor = self.chat.cursor();
        prop_assert_eq!(
            (head.head_seq, head.head_root),
            (cursor.seq, cursor.root.to_bytes())
        );
        let mut read = after;
        for _ in 0..pages {
            if read == self.entries.len() {
                break;
            }
            read = self.next_page(&mut client, read).await?;
        }
        Ok(read)
    }

    async fn next_page(&self, client: &mut Client, mut read: usize) -> Result<usize, TestCaseError> {
        let Some(Body::Page(page)) = client.receive().await.body else {
            panic!("expected a page");
        };
        prop_assert_eq!(page.first_seq, (CREATION + read) as u64 + 1);
        for entry in page.entries {
            prop_assert_eq!(Some(&entry), self.entries.get(read).map(|(_, entry)| entry));
            read += 1;
        }
        let last: Bytes = self.chat.at((CREATION + read) as u64).root.to_bytes();
        prop_assert_eq!(page.last_root, last);
        Ok(read)
    }

    async fn restart(&mut self, relay: usize) -> TestCaseResult {
        self.relays[relay].log.drain().await;
        self.relays[relay].sockets.close_all().await;
        self.relays[relay] = self::relay(&self.database).await;
        Ok(())
    }
}

/// Limits small enough that everything happens.
async fn relay(database: &Arc<TestLog>) -> Relay {
    let settings = SocketSettings {
        page_bytes: 1_000,
        ..SocketSettings::default()
    };
    let limits = LogLimits {
        snapshot_every: 5,
        tail_bytes: 2_000,
        ..LogLimits::default()
    };
    Relay::beside(database, settings, limits).await
}
