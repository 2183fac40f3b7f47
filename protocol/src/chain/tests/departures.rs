//! Members go: removed, by themselves, or replaced by new keys.

use super::{alice, bob, carol, denied, waiting};
use crate::chain::{Capabilities, Fence};
use crate::control::{ParsedControl, co_sign_control, sign_control};
use crate::fold::Refusal;
use crate::keys::KeyError;
use crate::testing::{Person, Space, rule};
use crate::wire::control_record::Body;
use crate::wire::{self, PrincipalKind};

fn remove(person: &Person) -> Body {
    Body::RemoveMember(wire::RemoveMember {
        principal_id: person.id().to_bytes(),
    })
}

fn leave() -> Body {
    Body::Leave(wire::Leave {})
}

/// Alice owns it, Bob writes, Carol manages.
fn space_of_three() -> Space {
    let mut space = Space::new(&alice(), true);
    space.add(&alice(), &bob(), Capabilities::WRITE).unwrap();
    space.add(&alice(), &carol(), Capabilities::ALL).unwrap();
    space
}

#[test]
fn removed_member_is_out_at_once_and_content_waits_for_the_rekey() {
    let mut space = space_of_three();
    let bobs = space.header(&bob());
    let carols = space.header(&carol());
    space.control(&alice(), remove(&bob())).unwrap();
    assert_eq!(space.publish(&bob(), &bobs), Err(Refusal::NotAMember));
    assert_eq!(space.publish(&carol(), &carols), Err(Refusal::RekeyRequired));
    assert_eq!(space.fold.chain().fence(), Fence::Departure);
    space.rekey(&alice()).unwrap();
    let header = space.header(&carol());
    assert!(space.publish(&carol(), &header).is_ok());
    assert_eq!(space.fold.chain().epoch().unwrap().number, 2);
}

#[test]
fn only_remove_leave_rekey_and_tombstone_pass_the_fence() {
    let mut space = space_of_three();
    space
        .add(&alice(), &Person::human(20), Capabilities::ALL)
        .unwrap();
    space.control(&alice(), remove(&bob())).unwrap();
    let refused = [
        space.add_body(&bob(), Capabilities::NONE),
        Body::SetPolicy(wire::SetPolicy::default()),
        Body::SetCapabilities(wire::SetCapabilities {
            principal_id: carol().id().to_bytes(),
            capabilities: 1,
        }),
        space.invite_body(1, Capabilities::NONE, 1),
        Body::RevokeInvite(wire::RevokeInvite {
            invite_key: crate::testing::invite(1).public_bytes(),
        }),
        Body::ReplaceKeys(wire::ReplaceKeys {
            old_principal_id: alice().id().to_bytes(),
            manifest: bob().manifest.bytes().clone(),
        }),
    ];
    for body in refused {
        assert_eq!(space.control(&alice(), body), waiting());
    }
    space.control(&carol(), remove(&Person::human(20))).unwrap();
    space.control(&carol(), leave()).unwrap();
    space.clone().rekey(&alice()).unwrap();
    space
        .control(&alice(), Body::Tombstone(wire::Tombstone {}))
        .unwrap();
}

#[test]
fn any_human_writer_rekeys_when_the_remover_is_gone() {
    let mut space = space_of_three();
    let agent = Person::new(14, PrincipalKind::Agent);
    let reader = Person::human(15);
    space.add(&alice(), &agent, Capabilities::WRITE).unwrap();
    space.add(&alice(), &reader, Capabilities::NONE).unwrap();
    space.control(&alice(), remove(&carol())).unwrap();
    for nobody in [&agent, &reader] {
        assert_eq!(space.rekey(nobody), denied());
    }
    space.rekey(&bob()).unwrap();
    assert_eq!(space.rekey(&bob()), denied());
}

#[test]
fn only_managers_remove_and_nobody_removes_themselves() {
    let mut space = space_of_three();
    assert_eq!(space.control(&bob(), remove(&alice())), denied());
    assert!(rule(space.control(&alice(), remove(&alice()))).contains("leave"));
    assert!(rule(space.control(&alice(), remove(&Person::human(16)))).contains("not a member"));
    space.control(&carol(), remove(&alice())).unwrap();
}

#[test]
fn who_leaves_is_out_and_the_rest_gets_a_new_key() {
    let mut space = space_of_three();
    space.control(&bob(), leave()).unwrap();
    assert!(!space.fold.is_member(&bob().id()));
    assert_eq!(space.fold.chain().fence(), Fence::Departure);
    space.rekey(&alice()).unwrap();
}

#[test]
fn a_space_is_never_left_without_a_manager() {
    let mut space = Space::new(&alice(), true);
    space.add(&alice(), &bob(), Capabilities::WRITE).unwrap();
    assert!(rule(space.control(&alice(), leave())).contains("manage"));
    assert!(rule(space.grant(&alice(), &alice(), Capabilities::WRITE)).contains("manage"));
    space.grant(&alice(), &bob(), Capabilities::ALL).unwrap();
    space.grant(&alice(), &alice(), Capabilities::WRITE).unwrap();
    space.control(&alice(), leave()).unwrap();
}

#[test]
fn capabilities_are_set_by_managers_within_their_own() {
    let mut space = space_of_three();
    assert_eq!(space.grant(&bob(), &bob(), Capabilities::ALL), denied());
    space
        .grant(&alice(), &carol(), Capabilities::WRITE.with(Capabilities::MANAGE))
        .unwrap();
    assert_eq!(space.grant(&carol(), &bob(), Capabilities::INVITE), denied());
    space.grant(&carol(), &bob(), Capabilities::NONE).unwrap();
    let header = space.header(&bob());
    assert_eq!(space.publish(&bob(), &header), Err(Refusal::NotPermitted));
    assert!(!space.fold.chain().waits_for_rekey());
}

#[test]
fn agent_is_added_by_managers_only_and_rises_no_higher() {
    let mut space = space_of_three();
    let agent = Person::new(14, PrincipalKind::Agent);
    let inviter = Capabilities::WRITE.with(Capabilities::INVITE);
    space.grant(&alice(), &bob(), inviter).unwrap();
    assert_eq!(space.add(&bob(), &agent, Capabilities::WRITE), denied());
    space.add(&alice(), &agent, Capabilities::WRITE).unwrap();
    for more in [Capabilities::INVITE, Capabilities::MANAGE] {
        assert!(rule(space.grant(&alice(), &agent, more)).contains("agent"));
    }
}

fn replace(space: &Space, author: &Person, old: &Person, new: &Person, co_signer: &Person) -> ParsedControl {
    let body = Body::ReplaceKeys(wire::ReplaceKeys {
        old_principal_id: old.id().to_bytes(),
        manifest: new.manifest.bytes().clone(),
    });
    let record = sign_control(&space.link(), &author.id(), body, &author.key);
    ParsedControl::parse(&co_sign_control(record, &co_signer.key)).unwrap()
}

#[test]
fn new_keys_take_the_place_of_old_ones_behind_a_fence() {
    let mut space = space_of_three();
    let new = Person::human(17);
    let record = replace(&space, &bob(), &bob(), &new, &new);
    space.append_control(&record).unwrap();
    let chain = space.fold.chain();
    assert!(chain.member(&bob().id()).is_none());
    assert_eq!(chain.member(&new.id()).unwrap().capabilities, Capabilities::WRITE);
    assert_eq!(chain.fence(), Fence::Departure);
    space.rekey(&new).unwrap();
}

#[test]
fn keys_are_replaced_by_their_owner_or_a_manager_with_the_new_keys_consent() {
    let mut space = space_of_three();
    let new = Person::human(17);
    let by_another = replace(&space, &bob(), &carol(), &new, &new);
    assert_eq!(space.append_control(&by_another), denied());
    let without_consent = replace(&space, &alice(), &bob(), &new, &alice());
    let forged = Err(Refusal::Chain(KeyError::BadSignature.into()));
    assert_eq!(space.append_control(&without_consent), forged);
    let agent = Person::new(14, PrincipalKind::Agent);
    let other_kind = replace(&space, &alice(), &bob(), &agent, &agent);
    assert!(rule(space.append_control(&other_kind)).contains("human's"));
    let by_member = replace(&space, &alice(), &bob(), &carol(), &carol());
    assert!(rule(space.append_control(&by_member)).contains("already"));
    let by_manager = replace(&space, &alice(), &bob(), &new, &new);
    space.append_control(&by_manager).unwrap();
}

#[test]
fn manager_replaces_no_keys_that_can_more_than_it() {
    let mut space = space_of_three();
    let weaker = Capabilities::WRITE.with(Capabilities::MANAGE);
    space.grant(&alice(), &carol(), weaker).unwrap();
    let new = Person::human(17);
    let record = replace(&space, &carol(), &alice(), &new, &new);
    assert_eq!(space.append_control(&record), denied());
}

#[test]
fn after_a_tombstone_there_is_nothing() {
    let mut space = space_of_three();
    let tombstone = || Body::Tombstone(wire::Tombstone {});
    assert_eq!(space.control(&bob(), tombstone()), denied());
    let event = space.header(&alice());
    space.control(&alice(), tombstone()).unwrap();
    assert!(space.fold.chain().is_tombstoned());
    assert_eq!(space.publish(&alice(), &event), Err(Refusal::Tombstoned));
    let over = Err(Refusal::Chain(crate::chain::ChainError::Tombstoned));
    assert_eq!(space.rekey(&alice()), over);
}
