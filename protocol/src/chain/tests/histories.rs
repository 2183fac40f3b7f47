//! A thousand generated histories of several people who act at once, compared with the oracle step by step.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::oracle::{Act, MANAGE, OpenInvite, Oracle, Waiting, is_agent};
use crate::chain::{Capabilities, ControlChain, Fence};
use crate::control::{Link, ParsedControl, co_sign_control, sign_control};
use crate::ids::PrincipalId;
use crate::keys::PublicKey;
use crate::testing::{Person, Space, genesis_record, invite};
use crate::wire::control_record::Body;
use crate::wire::{self, PrincipalKind};

const OWNER: u8 = 10;
const PEOPLE: [u8; 8] = [10, 11, 12, 13, 14, 15, 100, 101];
const INVITES: [u8; 3] = [1, 2, 3];

/// One try.
#[derive(Clone, Debug)]
struct Step {
    author: u8,
    act: Act,
    /// Made by somebody who has not yet read the last record: a race, which the last record has won.
    is_late: bool,
}

struct World {
    people: BTreeMap<u8, Person>,
    ids: BTreeMap<PrincipalId, u8>,
    space: Space,
    /// The space one record ago.
    before: Space,
    oracle: Oracle,
    records: Vec<ParsedControl>,
}

impl World {
    fn new(share: bool) -> Self {
        let people: BTreeMap<u8, Person> = PEOPLE.into_iter().map(|who| (who, person(who))).collect();
        let ids = people.iter().map(|(who, person)| (person.id(), *who)).collect();
        let space = Space::genesis(&people[&OWNER], share);
        Self {
            records: vec![genesis_record(&people[&OWNER], share)],
            before: space.clone(),
            oracle: Oracle::new(OWNER, share),
            people,
            ids,
            space,
        }
    }

    fn step(&mut self, step: &Step) {
        let is_late = step.is_late && self.records.len() > 1;
        let seen_by_author = if is_late { &self.before } else { &self.space };
        let record = self.record(seen_by_author, step.author, &step.act);
        let before = self.space.clone();
        let accepted = self.space.append_control(&record).is_ok();
        let expected = !is_late && self.oracle.act(step.author, &step.act);
        assert_eq!(accepted, expected, "{step:?} at {:?}", self.oracle);
        if accepted {
            self.before = before;
            self.records.push(record);
        }
        assert_eq!(self.observed(), self.oracle);
        self.check_promises();
    }

    fn check_promises(&self) {
        let chain = self.space.fold.chain();
        let managers = self.oracle.members.iter().filter(|(_, caps)| caps & MANAGE != 0);
        assert!(managers.clone().count() > 0, "nobody manages the space");
        assert!(managers.into_iter().all(|(who, _)| !is_agent(*who)));
        assert_eq!(chain.recipients().len(), self.oracle.rekey_recipients());
        for number in 1..=chain.epoch_number() {
            assert_eq!(chain.epoch_at(number).unwrap().number, number);
        }
    }

    /// What the chain says, in the oracle's terms.
    fn observed(&self) -> Oracle {
        let chain = self.space.fold.chain();
        let who = |id: &PrincipalId| self.ids[id];
        let mut members: Vec<_> = chain
            .members()
            .map(|member| (who(&member.manifest.id()), member.capabilities.bits()))
            .collect();
        members.sort_unstable();
        let order = |number: u8| {
            self.oracle
                .invites
                .iter()
                .position(|invite| invite.number == number)
        };
        let mut invites: Vec<_> = chain
            .invites()
            .map(|invite| OpenInvite {
                number: number_of(&invite.key),
                maker: who(&invite.created_by),
                caps: invite.capabilities.bits(),
                uses: invite.uses_left,
                approval: invite.needs_approval,
            })
            .collect();
        invites.sort_by_key(|invite| order(invite.number));
        let waits = |id: u8| self.oracle.waiting.iter().position(|waiting| waiting.who == id);
        let mut waiting: Vec<_> = chain
            .applicants()
            .map(|applicant| Waiting {
                who: who(&applicant.manifest.id()),
                number: number_of(&applicant.invite_key),
                maker: who(&applicant.invited_by),
                caps: applicant.capabilities.bits(),
            })
            .collect();
        waiting.sort_by_key(|waiting| waits(waiting.who));
        Oracle {
            members,
            waiting,
            invites,
            epoch: chain.epoch_number(),
            fence: match chain.fence() {
                Fence::None => ' ',
                Fence::FirstKey => 'k',
                Fence::Newcomer => 'n',
                Fence::Departure => 'd',
            },
            share: chain.policy().share_history,
            dead: chain.is_tombstoned(),
        }
    }

    fn record(&self, space: &Space, author: u8, act: &Act) -> ParsedControl {
        let author = &self.people[&author];
        let signed = |body| {
            let link: Link = space.link();
            sign_control(&link, &author.id(), body, &author.key)
        };
        let record = match act {
            Act::Accept { number } => {
                let record = signed(space.accept_body(author, *number));
                co_sign_control(record, &invite(*number).key)
            }
            Act::Replace { by, .. } => co_sign_control(signed(self.body(space, act)), &self.people[by].key),
            _ => signed(self.body(space, act)),
        };
        ParsedControl::parse(&record).unwrap()
    }

    fn body(&self, space: &Space, act: &Act) -> Body {
        let id = |who: &u8| self.people[who].id().to_bytes();
        let caps = |bits: u32| Capabilities::from_bits(bits).unwrap();
        match act {
            Act::Add { who, caps: bits } => space.add_body(&self.people[who], caps(*bits)),
            Act::Remove { who } => Body::RemoveMember(wire::RemoveMember {
                principal_id: id(who),
            }),
            Act::Leave => Body::Leave(wire::Leave {}),
            Act::Rekey { epochs_ahead } => Body::Rekey(wire::Rekey {
                epoch: space.fold.chain().epoch_number() + epochs_ahead,
                ..space.next_rekey()
            }),
            Act::Grant { who, caps } => Body::SetCapabilities(wire::SetCapabilities {
                principal_id: id(who),
                capabilities: *caps,
            }),
            Act::Invite {
                number,
                caps: bits,
                uses,
                approval,
            } => {
                let Body::CreateInvite(mut create) = space.invite_body(*number, caps(*bits), *uses) else {
                    unreachable!()
                };
                create.needs_approval = *approval;
                if *approval {
                    create.wrap.clear();
                }
                Body::CreateInvite(create)
            }
            Act::Revoke { number } => Body::RevokeInvite(wire::RevokeInvite {
                invite_key: invite(*number).public_bytes(),
            }),
            Act::Policy { share } => Body::SetPolicy(wire::SetPolicy {
                policy: Some(wire::Policy {
                    share_history: *share,
                    retention_seconds: 0,
                }),
            }),
            Act::Replace { who, by } => Body::ReplaceKeys(wire::ReplaceKeys {
                old_principal_id: id(who),
                manifest: self.people[by].manifest.bytes().clone(),
            }),
            Act::Tombstone => Body::Tombstone(wire::Tombstone {}),
            Act::Accept { number } => space.accept_body(&self.people[&OWNER], *number),
        }
    }

    /// A client that gets the records in another order, each again and again until it fits.
    fn client_reading_in(&self, order: &[prop::sample::Index]) -> ControlChain {
        let mut chain = ControlChain::from_genesis(&self.records[0]).unwrap();
        let mut waiting: Vec<&ParsedControl> = self.records[1..].iter().collect();
        let mut picks = order.iter().cycle();
        while !waiting.is_empty() {
            let start = picks.next().unwrap().index(waiting.len());
            waiting.rotate_left(start);
            waiting.retain(|record| chain.append(record).is_err());
        }
        chain
    }
}

fn person(who: u8) -> Person {
    let kind = if is_agent(who) {
        PrincipalKind::Agent
    } else {
        PrincipalKind::Human
    };
    Person::new(who, kind)
}

fn number_of(key: &PublicKey) -> u8 {
    let same = |number: &u8| PublicKey::of(&invite(*number).key) == *key;
    INVITES.into_iter().find(same).unwrap()
}

fn act() -> impl Strategy<Value = Act> {
    let who = || prop::sample::select(&PEOPLE[..]);
    let number = || prop::sample::select(&INVITES[..]);
    let caps = || prop_oneof![3 => Just(1_u32), 1 => Just(3), 2 => Just(7), 1 => 0..8_u32];
    let right = prop_oneof![8 => Just(1_u64), 1 => Just(0), 1 => Just(2)];
    prop_oneof![
        6 => (who(), caps()).prop_map(|(who, caps)| Act::Add { who, caps }),
        3 => who().prop_map(|who| Act::Remove { who }),
        1 => Just(Act::Leave),
        10 => right.prop_map(|epochs_ahead| Act::Rekey { epochs_ahead }),
        3 => (who(), caps()).prop_map(|(who, caps)| Act::Grant { who, caps }),
        4 => (number(), caps(), 1..3_u32, any::<bool>())
            .prop_map(|(number, caps, uses, approval)| Act::Invite { number, caps, uses, approval }),
        1 => number().prop_map(|number| Act::Revoke { number }),
        5 => number().prop_map(|number| Act::Accept { number }),
        1 => any::<bool>().prop_map(|share| Act::Policy { share }),
        2 => (who(), who()).prop_map(|(who, by)| Act::Replace { who, by }),
    ]
}

/// The owner acts most, so that histories get somewhere.
fn step() -> impl Strategy<Value = Step> {
    let author = prop_oneof![2 => Just(OWNER), 3 => prop::sample::select(&PEOPLE[..])];
    let act = prop_oneof![100 => act(), 1 => Just(Act::Tombstone)];
    (author, act, prop::bool::weighted(0.15)).prop_map(|(author, act, is_late)| Step { author, act, is_late })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn racing_managers_and_everybody_else_do_what_the_oracle_says(
        share: bool,
        steps in proptest::collection::vec(step(), 1..60),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let mut world = World::new(share);
        world.step(&Step { author: OWNER, act: Act::Rekey { epochs_ahead: 1 }, is_late: false });
        for step in &steps {
            world.step(step);
        }
        prop_assert_eq!(&world.client_reading_in(&order), world.space.fold.chain());
    }
}
