mod departures;
mod histories;
mod invites;
mod oracle;
mod proofs;

use crate::chain::{Capabilities, ChainError, ControlChain, Preset};
use crate::control::{Link, ParsedControl, sign_control};
use crate::fold::Refusal;
use crate::ids::SpaceId;
use crate::root::Cursor;
use crate::testing::{OTHER_EVENT, Person, Space, genesis_record, rule};
use crate::wire::control_record::Body;
use crate::wire::{self, PrincipalKind};

fn alice() -> Person {
    Person::human(10)
}

fn bob() -> Person {
    Person::human(11)
}

fn carol() -> Person {
    Person::human(12)
}

fn denied() -> Result<Cursor, Refusal> {
    Err(Refusal::Chain(ChainError::NotPermitted))
}

fn waiting() -> Result<Cursor, Refusal> {
    Err(Refusal::Chain(ChainError::RekeyRequired))
}

#[test]
fn presets_have_names_and_agents_never_more_than_writing() {
    for preset in Preset::ALL {
        assert_eq!(preset.name().parse(), Ok(preset));
    }
    assert!("boss".parse::<Preset>().is_err());
    assert_eq!(Preset::Owner.capabilities(), Capabilities::ALL);
    assert!(Capabilities::WRITE.contains(Preset::Agent.capabilities()));
}

#[test]
fn space_id_is_bound_to_the_whole_genesis_record() {
    let one = genesis_record(&alice(), true).space_id();
    let other = genesis_record(&alice(), false).space_id();
    assert_ne!(one, other);
}

#[test]
fn genesis_by_another_author_or_an_agent_is_refused() {
    let genesis = |named: &Person, author: &Person| {
        let body = wire::Genesis {
            salt: vec![2; 32].into(),
            manifest: named.manifest.bytes().clone(),
            policy: None,
        };
        let record = sign_control(&Link::Genesis, &author.id(), Body::Genesis(body), &author.key);
        ControlChain::from_genesis(&ParsedControl::parse(&record).unwrap())
    };
    assert!(matches!(genesis(&alice(), &bob()), Err(ChainError::Rule(_))));
    let agent = Person::new(12, PrincipalKind::Agent);
    assert!(matches!(genesis(&agent, &agent), Err(ChainError::Rule(_))));
    assert!(genesis(&alice(), &alice()).is_ok());
}

#[test]
fn second_signature_that_no_rule_asks_for_is_refused() {
    let mut space = Space::new(&alice(), true);
    let body = Body::Rekey(space.next_rekey());
    let record = sign_control(&space.link(), &alice().id(), body, &alice().key);
    let co_signed = wire::SignedControl {
        co_signature: vec![7; 64].into(),
        ..record.clone()
    };
    let refused = space.append_control(&ParsedControl::parse(&co_signed).unwrap());
    assert!(rule(refused).contains("second signature"));
    space
        .append_control(&ParsedControl::parse(&record).unwrap())
        .unwrap();
}

#[test]
fn creator_is_the_only_member_and_waits_for_the_first_rekey() {
    let space = Space::genesis(&alice(), true);
    let chain = space.fold.chain();
    assert!(chain.waits_for_rekey());
    assert_eq!(chain.members().len(), 1);
    assert_eq!(
        chain.member(&alice().id()).unwrap().capabilities,
        Capabilities::ALL
    );
}

#[test]
fn member_joins_with_the_capabilities_of_the_record() {
    let mut space = Space::new(&alice(), true);
    space.add(&alice(), &bob(), Capabilities::WRITE).unwrap();
    assert_eq!(
        space.fold.chain().member(&bob().id()).unwrap().capabilities,
        Capabilities::WRITE
    );
    assert!(!space.fold.chain().waits_for_rekey());
}

#[test]
fn without_shared_history_an_add_waits_for_a_rekey() {
    let mut space = Space::new(&alice(), false);
    space.add(&alice(), &bob(), Capabilities::WRITE).unwrap();
    assert!(space.fold.chain().waits_for_rekey());
    let header = space.header(&alice());
    assert_eq!(space.publish(&alice(), &header), Err(Refusal::RekeyRequired));
    space.rekey(&bob()).unwrap();
    let header = space.header(&alice());
    assert!(space.publish(&alice(), &header).is_ok());
}

#[test]
fn ghost_member_added_by_an_outsider_is_refused() {
    let mut space = Space::new(&alice(), true);
    let result = space.add(&bob(), &bob(), Capabilities::WRITE);
    assert_eq!(result, Err(Refusal::Chain(ChainError::NotAMember)));
}

#[test]
fn record_in_a_members_name_with_another_key_is_refused() {
    let mut space = Space::new(&alice(), true);
    let body = space.add_body(&bob(), Capabilities::WRITE);
    let forged = sign_control(&space.link(), &alice().id(), body, &bob().key);
    let result = space.append_control(&ParsedControl::parse(&forged).unwrap());
    assert!(matches!(result, Err(Refusal::Chain(ChainError::Signature(_)))));
}

#[test]
fn member_grants_no_more_than_it_has() {
    let mut space = Space::new(&alice(), true);
    space
        .add(&alice(), &bob(), Capabilities::WRITE.with(Capabilities::INVITE))
        .unwrap();
    let carol = Person::human(12);
    let denied = Err(Refusal::Chain(ChainError::NotPermitted));
    assert_eq!(space.add(&bob(), &carol, Capabilities::MANAGE), denied);
    space.add(&bob(), &carol, Capabilities::WRITE).unwrap();
    assert_eq!(space.add(&carol, &Person::human(13), Capabilities::NONE), denied);
}

#[test]
fn agent_never_gets_manage_or_invite() {
    let mut space = Space::new(&alice(), true);
    let agent = Person::new(12, PrincipalKind::Agent);
    for capabilities in [Capabilities::INVITE, Capabilities::MANAGE, Capabilities::ALL] {
        assert!(rule(space.add(&alice(), &agent, capabilities)).contains("agent"));
    }
    space.add(&alice(), &agent, Capabilities::WRITE).unwrap();
}

#[test]
fn adding_twice_and_unknown_capabilities_are_refused() {
    let mut space = Space::new(&alice(), true);
    assert!(rule(space.add(&alice(), &alice(), Capabilities::NONE)).contains("already"));
    let Body::AddMember(add) = space.add_body(&bob(), Capabilities::NONE) else {
        unreachable!()
    };
    let add = wire::AddMember {
        capabilities: 8,
        ..add
    };
    assert!(rule(space.control(&alice(), Body::AddMember(add))).contains("does not exist"));
}

#[test]
fn epoch_can_be_neither_skipped_nor_repeated() {
    let mut space = Space::new(&alice(), true);
    for epoch in [0, 1, 3] {
        let rekey = wire::Rekey {
            epoch,
            ..space.next_rekey()
        };
        assert!(rule(space.control(&alice(), Body::Rekey(rekey))).contains("next one"));
    }
    space.rekey(&alice()).unwrap();
    assert_eq!(space.fold.chain().epoch().unwrap().number, 2);
}

#[test]
fn rekey_must_wrap_for_exactly_the_members() {
    let mut space = Space::new(&alice(), true);
    let rekey = wire::Rekey {
        wrap_count: 2,
        ..space.next_rekey()
    };
    assert!(rule(space.control(&alice(), Body::Rekey(rekey))).contains("exactly the members"));
}

#[test]
fn writer_rekeys_only_while_the_space_waits_for_it() {
    let mut space = Space::new(&alice(), true);
    space.add(&alice(), &bob(), Capabilities::WRITE).unwrap();
    assert_eq!(space.rekey(&bob()), Err(Refusal::Chain(ChainError::NotPermitted)));
}

#[test]
fn loser_of_a_race_gets_a_conflict() {
    let mut space = Space::new(&alice(), true);
    let late = sign_control(
        &space.link(),
        &alice().id(),
        space.add_body(&bob(), Capabilities::WRITE),
        &alice().key,
    );
    space.rekey(&alice()).unwrap();
    let result = space.append_control(&ParsedControl::parse(&late).unwrap());
    assert_eq!(result, Err(Refusal::Chain(ChainError::Conflict)));
}

#[test]
fn record_for_another_space_head_or_index_is_refused() {
    let mut space = Space::new(&alice(), true);
    let Link::Next {
        space_id,
        control_index,
        previous_head,
        seen,
    } = space.link()
    else {
        unreachable!()
    };
    let links = [
        Link::Next {
            space_id: SpaceId::new([0; 32]),
            control_index,
            previous_head,
            seen,
        },
        Link::Next {
            space_id,
            control_index: control_index + 1,
            previous_head,
            seen,
        },
        Link::Next {
            space_id,
            control_index,
            previous_head: OTHER_EVENT,
            seen,
        },
    ];
    for link in links {
        let body = Body::Rekey(space.next_rekey());
        let record = sign_control(&link, &alice().id(), body, &alice().key);
        let result = space.append_control(&ParsedControl::parse(&record).unwrap());
        assert_eq!(result, Err(Refusal::Chain(ChainError::Conflict)));
    }
}
