//! Generated work on two relays, held against an oracle that is a list.

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use sealpost_protocol::wire;

use super::actors::Actor;
use super::appending::run_seen_from_afar;
use super::chat::{Chat, event_entry};
use crate::log::{Ack, LogLimits, LogService, Page, PublishOutcome};
use crate::testing::TestLog;

const WRITERS: usize = 4;

/// One step. Numbers are taken modulo what there is to choose from.
#[derive(Clone, Debug)]
enum Step {
    /// All writers publish so many events each at the same time, over both relays.
    Burst([usize; WRITERS]),
    /// A stored entry is sent again.
    Resend { relay: usize, seq: usize },
    /// An event that skips an index.
    Gap { relay: usize, writer: usize },
    /// Another event at the index of the writer's last one.
    Fork { relay: usize, writer: usize },
    /// A new epoch.
    Rekey { relay: usize },
    /// The log is read from a place on.
    Read {
        relay: usize,
        after: usize,
        max_bytes: usize,
    },
    /// A relay is drained and another one takes its place.
    Restart { relay: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let relay = 0..2_usize;
    prop_oneof![
        6 => [0..4_usize, 0..4_usize, 0..4_usize, 0..4_usize].prop_map(Step::Burst),
        2 => (relay.clone(), any::<usize>()).prop_map(|(relay, seq)| Step::Resend { relay, seq }),
        1 => (relay.clone(), 0..WRITERS).prop_map(|(relay, writer)| Step::Gap { relay, writer }),
        1 => (relay.clone(), 0..WRITERS).prop_map(|(relay, writer)| Step::Fork { relay, writer }),
        1 => relay.clone().prop_map(|relay| Step::Rekey { relay }),
        2 => (relay.clone(), any::<usize>(), 1..5_000_usize)
            .prop_map(|(relay, after, max_bytes)| Step::Read { relay, after, max_bytes }),
        1 => relay.prop_map(|relay| Step::Restart { relay }),
    ]
}

struct World {
    log: TestLog,
    relays: Vec<LogService>,
    chat: Chat,
    writers: Vec<Actor>,
    /// The oracle: what was acked, at its place (the first entry has index 0), without the records of the creation.
    entries: Vec<(Ack, wire::Entry)>,
}

/// Entries that the creation of a space takes.
const CREATION: usize = 2;

impl World {
    async fn new() -> Self {
        let (log, alice) = (TestLog::new().await, Actor::alice());
        let relays = vec![log.relay_with(limits()).await, log.relay_with(limits()).await];
        let chat = Chat::create(&relays[0], &alice).await;
        let device = |writer| alice.at_device(u8::try_from(writer).unwrap() + 10);
        Self {
            writers: (0..WRITERS).map(device).collect(),
            log,
            relays,
            chat,
            entries: Vec::new(),
        }
    }

    async fn run(&mut self, step: &Step) -> TestCaseResult {
        match step {
            Step::Burst(counts) => self.burst(counts).await,
            Step::Resend { relay, seq } => self.resend(*relay, *seq).await,
            Step::Gap { relay, writer } => self.gap(*relay, *writer).await,
            Step::Fork { relay, writer } => self.fork(*relay, *writer).await,
            Step::Rekey { relay } => self.rekey(*relay).await,
            Step::Read {
                relay,
                after,
                max_bytes,
            } => self.read(*relay, *after, *max_bytes).await,
            Step::Restart { relay } => {
                self.relays[*relay].drain().await;
                self.relays[*relay] = self.log.relay_with(limits()).await;
                Ok(())
            }
        }
    }

    async fn burst(&mut self, counts: &[usize; WRITERS]) -> TestCaseResult {
        let publishes = counts.iter().enumerate().map(|(writer, count)| {
            let author = &self.writers[writer];
            let entries = run_seen_from_afar(&mut self.chat.clone(), author, *count);
            let relay = &self.relays[writer % 2];
            let answer = relay.publish(&author.principal(), self.chat.id(), entries.clone());
            async move { (answer.await, entries) }
        });
        let mut placed = Vec::new();
        for (outcome, entries) in join_all(publishes).await {
            prop_assert_eq!(outcome.refusal, None);
            prop_assert!(outcome.acks.iter().all(|ack| !ack.duplicate));
            placed.extend(outcome.acks.into_iter().zip(entries));
        }
        placed.sort_by_key(|(ack, _)| ack.cursor.seq);
        placed
            .into_iter()
            .try_for_each(|(ack, entry)| self.append(ack, entry))
    }

    fn append(&mut self, ack: Ack, entry: wire::Entry) -> TestCaseResult {
        prop_assert_eq!(self.chat.fold_entry(&entry), ack.cursor);
        self.entries.push((ack, entry));
        Ok(())
    }

    async fn resend(&mut self, relay: usize, seq: usize) -> TestCaseResult {
        let Some((first, entry)) = self.entries.get(seq % self.entries.len().max(1)) else {
            return Ok(());
        };
        let author = match &entry.kind {
            Some(wire::entry::Kind::Event(event)) => {
                let id = self.chat.fold.verify_event(event).unwrap().header.writer_id;
                self.writers.iter().find(|writer| writer.writer == id).unwrap()
            }
            _ => &self.writers[0],
        };
        let outcome = self.publish(relay, author, entry.clone()).await;
        prop_assert_eq!(outcome.refusal, None);
        prop_assert_eq!(
            (outcome.acks[0].cursor, outcome.acks[0].receipt),
            (first.cursor, first.receipt)
        );
        prop_assert!(outcome.acks[0].duplicate);
        Ok(())
    }

    async fn gap(&mut self, relay: usize, writer: usize) -> TestCaseResult {
        let author = &self.writers[writer];
        let mut header = self.chat.header(author);
        header.writer_index += 1;
        header.previous_event_id = Some(self.chat.fold.chain().head());
        let entry = event_entry(&header, author, "skips one");
        self.refused(relay, author, entry, "writer_gap").await
    }

    async fn fork(&mut self, relay: usize, writer: usize) -> TestCaseResult {
        let author = &self.writers[writer];
        let mut header = self.chat.header(author);
        if header.writer_index == 1 {
            return Ok(());
        }
        header.writer_index -= 1;
        if header.writer_index == 1 {
            header.previous_event_id = None;
        }
        let entry = event_entry(&header, author, "another one");
        self.refused(relay, author, entry, "writer_conflict").await
    }

    async fn refused(&self, relay: usize, author: &Actor, entry: wire::Entry, code: &str) -> TestCaseResult {
        let outcome = self.publish(relay, author, entry).await;
        prop_assert!(outcome.acks.is_empty());
        prop_assert_eq!(outcome.refusal.unwrap().code().as_str(), code);
        Ok(())
    }

    async fn rekey(&mut self, relay: usize) -> TestCaseResult {
        let (relay, alice) = (&self.relays[relay], Actor::alice());
        let (epoch, members) = (self.chat.next_epoch(), self.chat.members());
        self.chat.stage(relay, &alice, epoch, &members).await.unwrap();
        let record = self.chat.record(&alice, self.chat.rekey_body());
        let outcome = self.chat.publish(relay, &alice, vec![record.clone()]).await;
        prop_assert_eq!(outcome.refusal, None);
        self.append(outcome.acks[0], record)
    }

    async fn read(&mut self, relay: usize, after: usize, max_bytes: usize) -> TestCaseResult {
        let after = CREATION + after % (self.entries.len() + 1);
        let reader = Actor::alice().principal();
        let from = self.chat.at(after as u64);
        let subscription = self.relays[relay].subscribe(&reader, self.chat.id(), from);
        let mut subscription = subscription.await.unwrap();
        prop_assert_eq!(
            subscription.head.cursor,
            self.chat.at(subscription.head.cursor.seq)
        );
        let mut expected = self.entries[after - CREATION..].iter();
        while expected.len() > 0 {
            let pages = subscription.reader.next_pages(max_bytes).await.unwrap();
            for entry in pages.iter().flat_map(Page::entries) {
                let expected = expected.next().map(|(_, entry)| entry.clone());
                prop_assert_eq!(entry.decode(), expected);
            }
        }
        Ok(())
    }

    async fn publish(&self, relay: usize, author: &Actor, entry: wire::Entry) -> PublishOutcome {
        self.chat.publish(&self.relays[relay], author, vec![entry]).await
    }
}

/// Small enough that everything happens.
fn limits() -> LogLimits {
    LogLimits {
        snapshot_every: 5,
        tail_bytes: 2_000,
        ..LogLimits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn two_relays_do_what_a_list_would(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in &steps {
                world.run(step).await?;
            }
            world.read(0, 0, 10_000).await
        })?;
    }
}
