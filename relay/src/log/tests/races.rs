//! Generated histories of managers who race at two relays: two people act on the same state at the same time, and what comes
//! of it is held against rules that are written down as dumbly as possible.

use std::collections::BTreeMap;
use std::env;

use proptest::prelude::*;
use sealpost_protocol::chain::{Capabilities, Fence};
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::wire::{self, control_record::Body};

use super::actors::Actor;
use super::chat::{Chat, read_to, remove};
use crate::log::LogService;
use crate::testing::TestLog;

const PEOPLE: usize = 5;
const WRITE: u32 = 1;
const INVITE: u32 = 2;
const MANAGE: u32 = 4;

/// Histories; `scripts/prove races` asks for more.
fn histories() -> u32 {
    let asked_for = env::var("SEALPOST_RACES").ok();
    asked_for.and_then(|number| number.parse().ok()).unwrap_or(16)
}

/// Something that somebody tries. People are numbers.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Lets somebody in, who may write.
    Add(usize),
    Remove(usize),
    Leave,
    Grant(usize, u32),
    Rekey,
}

/// Two people who act at once, the first at the first relay.
#[derive(Clone, Copy, Debug)]
struct Race {
    acts: [(usize, Act); 2],
}

/// The rules.
#[derive(Clone, Debug, PartialEq)]
struct Oracle {
    /// Capabilities by person.
    members: BTreeMap<usize, u32>,
    epoch: u64,
    waits_for_rekey: bool,
}

impl Oracle {
    /// Whether it is allowed; done if so.
    fn act(&mut self, author: usize, act: Act) -> bool {
        let Some(own) = self.members.get(&author).copied() else {
            return false;
        };
        let (manages, calm) = (own & MANAGE != 0, !self.waits_for_rekey);
        let allowed = match act {
            Act::Add(who) => {
                let brings_in = own & (INVITE | MANAGE) != 0 && own & WRITE != 0;
                calm && brings_in && !self.members.contains_key(&who)
            }
            Act::Remove(who) => manages && who != author && self.members.contains_key(&who),
            Act::Leave => self.managers_but(author) > 0,
            Act::Grant(who, caps) => self.members.get(&who).is_some_and(|before| {
                let has = own & caps & !before == caps & !before;
                calm && manages && has && (caps & MANAGE != 0 || self.managers_but(who) > 0)
            }),
            Act::Rekey => manages || (!calm && own & WRITE != 0),
        };
        if allowed {
            self.perform(author, act);
        }
        allowed
    }

    fn perform(&mut self, author: usize, act: Act) {
        match act {
            Act::Add(who) => drop(self.members.insert(who, WRITE)),
            Act::Remove(who) => self.go(who),
            Act::Leave => self.go(author),
            Act::Grant(who, caps) => drop(self.members.insert(who, caps)),
            Act::Rekey => {
                self.epoch += 1;
                self.waits_for_rekey = false;
            }
        }
    }

    fn go(&mut self, who: usize) {
        self.members.remove(&who);
        self.waits_for_rekey = true;
    }

    fn managers_but(&self, who: usize) -> usize {
        let others = self.members.iter().filter(|(other, _)| **other != who);
        others.filter(|(_, caps)| *caps & MANAGE != 0).count()
    }
}

struct World {
    relays: [LogService; 2],
    people: Vec<Actor>,
    chat: Chat,
    oracle: Oracle,
    _log: TestLog,
}

impl World {
    async fn new() -> Self {
        let log = TestLog::new().await;
        let relays = [log.relay().await, log.relay().await];
        let people: Vec<Actor> = (1..).take(PEOPLE).map(Actor::new).collect();
        let chat = Chat::create(&relays[0], &people[0]).await;
        Self {
            relays,
            people,
            chat,
            oracle: Oracle {
                members: BTreeMap::from([(0, WRITE | INVITE | MANAGE)]),
                epoch: 1,
                waits_for_rekey: false,
            },
            _log: log,
        }
    }

    async fn race(&mut self, race: &Race) {
        let [first, second] = race.acts;
        self.chat.lost_drafts += 1;
        let records = [
            self.prepare(0, first.0, first.1).await,
            self.prepare(1, second.0, second.1).await,
        ];
        let publish = |side: usize| {
            let author = &self.people[race.acts[side].0];
            self.chat
                .publish(&self.relays[side], author, vec![records[side].clone()])
        };
        let (one, two) = tokio::join!(publish(0), publish(1));
        let won = [one.refusal.is_none(), two.refusal.is_none()];
        let allowed = race
            .acts
            .map(|(author, act)| self.oracle.clone().act(author, act));
        if allowed == [true; 2] {
            assert!(won[0] != won[1], "one of both must win: {won:?} {race:?}");
        } else {
            assert_eq!(won, allowed, "{race:?} at {:?}", self.oracle);
        }
        for side in [0, 1].into_iter().filter(|side| won[*side]) {
            self.chat.fold_entry(&records[side]);
            self.oracle.act(race.acts[side].0, race.acts[side].1);
        }
        assert_eq!(self.observed(&self.chat), self.oracle, "after {race:?}");
        assert!(self.oracle.managers_but(PEOPLE) > 0, "nobody manages the space");
    }

    /// The record, with the wraps that it names staged by who may.
    async fn prepare(&self, relay: usize, author: usize, act: Act) -> wire::Entry {
        let (relay, author) = (&self.relays[relay], &self.people[author]);
        let (epoch, body) = (self.chat.next_epoch() - 1, self.body(act));
        // Who may not is refused here already, and then for the record.
        let _ = match act {
            Act::Add(who) => {
                let newcomer = [self.people[who].id()];
                self.chat.stage(relay, author, epoch, &newcomer).await
            }
            Act::Rekey => {
                let members = self.chat.members();
                self.chat.stage(relay, author, epoch + 1, &members).await
            }
            _ => Ok(0),
        };
        self.chat.record(author, body)
    }

    fn body(&self, act: Act) -> Body {
        match act {
            Act::Add(who) => self.chat.add_body(&self.people[who]),
            Act::Remove(who) => remove(&self.people[who]),
            Act::Leave => Body::Leave(wire::Leave {}),
            Act::Grant(who, capabilities) => Body::SetCapabilities(wire::SetCapabilities {
                principal_id: self.people[who].id().to_bytes(),
                capabilities,
            }),
            Act::Rekey => self.chat.rekey_body(),
        }
    }

    /// What a client sees, in the oracle's terms.
    fn observed(&self, chat: &Chat) -> Oracle {
        let chain = chat.fold.chain();
        let number = |id: &PrincipalId| self.people.iter().position(|person| person.id() == *id);
        Oracle {
            members: chain
                .members()
                .map(|member| {
                    let who = number(&member.manifest.id()).unwrap();
                    (who, member.capabilities.bits())
                })
                .collect(),
            epoch: chain.epoch_number(),
            waits_for_rekey: chain.fence() != Fence::None,
        }
    }

    /// Whoever reads the log from its beginning, at either relay, comes to the same.
    async fn end(&self) {
        let reader = &self.people[*self.oracle.members.keys().next().unwrap()];
        for relay in &self.relays {
            let (mut read, mut subscription) = self.chat.subscribed(relay, reader).await;
            read_to(
                &mut subscription.reader,
                &mut read,
                self.chat.cursor().seq,
                1 << 16,
            )
            .await;
            assert_eq!(read.cursor(), self.chat.cursor());
            assert_eq!(self.observed(&read), self.oracle);
            let chain = read.fold.chain();
            let numbers = (1..=chain.epoch_number()).map(|at| chain.epoch_at(at).unwrap().number);
            assert!(numbers.eq(1..=self.oracle.epoch), "no epoch skipped or repeated");
        }
    }
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..PEOPLE;
    let all = Capabilities::ALL.bits();
    prop_oneof![
        4 => who().prop_map(Act::Add),
        3 => who().prop_map(Act::Remove),
        1 => Just(Act::Leave),
        3 => (who(), prop_oneof![3 => Just(all), 1 => 0..=all]).prop_map(|(who, caps)| Act::Grant(who, caps)),
        4 => Just(Act::Rekey),
    ]
}

/// Two different people; the owner acts most, so that histories get somewhere.
fn race() -> impl Strategy<Value = Race> {
    let first = prop_oneof![2 => Just(0), 1 => 0..PEOPLE];
    (first, 1..PEOPLE, act(), act()).prop_map(|(first, further, one, other)| Race {
        acts: [(first, one), ((first + further) % PEOPLE, other)],
    })
}

proptest! {
    // A failure prints the shortest history that still fails.
    #![proptest_config(ProptestConfig { cases: histories(), max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn managers_who_race_at_two_relays_get_what_the_oracle_says(races in prop::collection::vec(race(), 1..25)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for race in &races {
                world.race(race).await;
            }
            world.end().await;
        });
    }
}
