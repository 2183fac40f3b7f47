//! Invites: who may make them, what accepting does, what voids them.

use bytes::Bytes;

use super::{alice, bob, carol, denied};
use crate::chain::{Capabilities, ChainError, Fence};
use crate::fold::Refusal;
use crate::limits;
use crate::testing::{Person, Space, invite, rule};
use crate::wire::control_record::Body;
use crate::wire::{self, PrincipalKind};

const MEMBER: Capabilities = Capabilities::WRITE;

fn void() -> Result<crate::root::Cursor, Refusal> {
    Err(Refusal::Chain(ChainError::InviteVoid))
}

/// A space of Alice with an invite for two.
fn space_with_invite() -> Space {
    let mut space = Space::new(&alice(), true);
    space.invite(&alice(), 1, MEMBER, 2).unwrap();
    space
}

#[test]
fn link_holder_joins_while_nobody_is_there() {
    let mut space = space_with_invite();
    space.accept(&bob(), 1).unwrap();
    let chain = space.fold.chain();
    assert_eq!(chain.member(&bob().id()).unwrap().capabilities, MEMBER);
    assert_eq!(chain.member(&bob().id()).unwrap().first_epoch, 1);
    assert_eq!(chain.invites().next().unwrap().uses_left, 1);
    assert!(!chain.waits_for_rekey());
    let header = space.header(&bob());
    space.publish(&bob(), &header).unwrap();
}

#[test]
fn rekeys_wrap_to_open_invites_that_carry_the_secret() {
    let mut space = space_with_invite();
    let recipients = space.fold.chain().recipients();
    assert_eq!(recipients.len(), 2);
    assert!(recipients.is_sorted_by_key(|recipient| recipient.id()));
    let invited = space.fold.chain().invites().next().unwrap().recipient();
    assert!(recipients.contains(&invited));
    space.rekey(&alice()).unwrap();
    space.accept(&bob(), 1).unwrap();
    assert_eq!(space.fold.chain().member(&bob().id()).unwrap().first_epoch, 2);
}

#[test]
fn invite_is_used_up() {
    let mut space = space_with_invite();
    space.accept(&bob(), 1).unwrap();
    assert!(rule(space.accept(&bob(), 1)).contains("already"));
    space.accept(&carol(), 1).unwrap();
    assert_eq!(space.accept(&Person::human(20), 1), void());
}

#[test]
fn revoked_invite_and_one_never_made_are_void() {
    let mut space = space_with_invite();
    space.revoke(&alice(), 1).unwrap();
    for number in [1, 2] {
        assert_eq!(space.accept(&bob(), number), void());
        assert_eq!(space.revoke(&alice(), number), void());
    }
}

#[test]
fn departure_voids_all_invites_and_requests() {
    for by_leaving in [true, false] {
        let mut space = space_with_invite();
        space.invite_with_approval(&alice(), 2, MEMBER, 1).unwrap();
        space.accept(&carol(), 2).unwrap();
        space.add(&alice(), &bob(), MEMBER).unwrap();
        let (author, body) = if by_leaving {
            (bob(), Body::Leave(wire::Leave {}))
        } else {
            let principal_id = bob().id().to_bytes();
            (alice(), Body::RemoveMember(wire::RemoveMember { principal_id }))
        };
        space.control(&author, body).unwrap();
        assert_eq!(space.fold.chain().invites().len(), 0);
        assert_eq!(space.fold.chain().applicants().len(), 0);
        space.rekey(&alice()).unwrap();
        assert_eq!(space.accept(&bob(), 1), void());
    }
}

#[test]
fn invites_grant_no_more_than_their_maker_has_even_later() {
    let mut space = Space::new(&alice(), true);
    let inviter = Capabilities::WRITE.with(Capabilities::INVITE);
    space.add(&alice(), &bob(), inviter).unwrap();
    assert_eq!(space.invite(&bob(), 1, Capabilities::MANAGE, 1), denied());
    space.invite(&bob(), 1, MEMBER, 1).unwrap();
    space.invite(&bob(), 2, Capabilities::NONE, 1).unwrap();
    space.invite(&alice(), 3, MEMBER, 1).unwrap();
    space.grant(&alice(), &bob(), Capabilities::INVITE).unwrap();
    assert_eq!(space.accept(&carol(), 1), void());
    space.accept(&carol(), 2).unwrap();
    space.grant(&alice(), &bob(), Capabilities::WRITE).unwrap();
    space.accept(&Person::human(20), 3).unwrap();
    assert_eq!(space.invite(&bob(), 4, Capabilities::NONE, 1), denied());
}

#[test]
fn only_the_maker_and_managers_revoke() {
    let mut space = Space::new(&alice(), true);
    let inviter = Capabilities::WRITE.with(Capabilities::INVITE);
    space.add(&alice(), &bob(), inviter).unwrap();
    space.add(&alice(), &carol(), inviter).unwrap();
    space.invite(&bob(), 1, MEMBER, 1).unwrap();
    space.invite(&bob(), 2, MEMBER, 1).unwrap();
    assert_eq!(space.revoke(&carol(), 1), denied());
    space.revoke(&alice(), 1).unwrap();
    space.revoke(&bob(), 2).unwrap();
}

#[test]
fn with_approval_the_joiner_waits_without_a_key() {
    let mut space = Space::new(&alice(), true);
    space.invite_with_approval(&alice(), 1, MEMBER, 1).unwrap();
    assert_eq!(space.fold.chain().recipients().len(), 1);
    space.accept(&bob(), 1).unwrap();
    assert!(!space.fold.is_member(&bob().id()));
    let applicant = space.fold.chain().applicant(&bob().id()).unwrap();
    assert_eq!(applicant.capabilities, MEMBER);
    assert_eq!(space.rekey(&bob()), Err(Refusal::Chain(ChainError::NotAMember)));
    space.add(&alice(), &bob(), MEMBER).unwrap();
    assert!(space.fold.is_member(&bob().id()));
    assert_eq!(space.fold.chain().applicants().len(), 0);
}

#[test]
fn applicant_is_turned_away_without_a_fence() {
    let mut space = Space::new(&alice(), true);
    space.invite_with_approval(&alice(), 1, MEMBER, 2).unwrap();
    space.accept(&bob(), 1).unwrap();
    assert!(rule(space.accept(&bob(), 1)).contains("waits"));
    let principal_id = bob().id().to_bytes();
    space
        .control(&alice(), Body::RemoveMember(wire::RemoveMember { principal_id }))
        .unwrap();
    assert_eq!(space.fold.chain().applicants().len(), 0);
    assert_eq!(space.fold.chain().invites().len(), 1);
    assert!(!space.fold.chain().waits_for_rekey());
}

#[test]
fn revoking_a_used_up_invite_turns_its_applicants_away() {
    let mut space = Space::new(&alice(), true);
    space.invite_with_approval(&alice(), 1, MEMBER, 1).unwrap();
    space.accept(&bob(), 1).unwrap();
    assert_eq!(space.fold.chain().invites().len(), 0);
    space.revoke(&alice(), 1).unwrap();
    assert_eq!(space.fold.chain().applicants().len(), 0);
}

#[test]
fn without_history_newcomers_come_one_after_the_other_before_one_rekey() {
    let mut space = Space::new(&alice(), false);
    space.invite(&alice(), 1, MEMBER, 2).unwrap();
    assert_eq!(space.fold.chain().recipients().len(), 1);
    space.accept(&bob(), 1).unwrap();
    space.accept(&carol(), 1).unwrap();
    space.add(&alice(), &Person::human(20), MEMBER).unwrap();
    let chain = space.fold.chain();
    assert_eq!(chain.fence(), Fence::Newcomer);
    assert_eq!(chain.member(&bob().id()).unwrap().first_epoch, 2);
    space.rekey(&bob()).unwrap();
    assert_eq!(space.fold.chain().epoch().unwrap().number, 2);
}

#[test]
fn change_of_the_history_policy_voids_invites() {
    let mut space = space_with_invite();
    let policy = |share_history, retention_seconds| {
        Body::SetPolicy(wire::SetPolicy {
            policy: Some(wire::Policy {
                share_history,
                retention_seconds,
            }),
        })
    };
    space.control(&alice(), policy(true, 60)).unwrap();
    assert_eq!(space.fold.chain().invites().len(), 1);
    assert_eq!(space.fold.chain().policy().retention_seconds, 60);
    space.control(&alice(), policy(false, 60)).unwrap();
    assert_eq!(space.fold.chain().invites().len(), 0);
}

#[test]
fn policy_is_changed_by_managers_only() {
    let mut space = space_with_invite();
    space.accept(&bob(), 1).unwrap();
    let body = Body::SetPolicy(wire::SetPolicy::default());
    assert_eq!(space.control(&bob(), body), denied());
}

#[test]
fn invite_with_a_fault_is_refused() {
    let mut space = space_with_invite();
    let Body::CreateInvite(sound) = space.invite_body(2, MEMBER, 1) else {
        unreachable!()
    };
    let faults: [&dyn Fn(&mut wire::CreateInvite); 8] = [
        &|create| create.uses = 0,
        &|create| create.uses = u32::MAX,
        &|create| create.capabilities = 8,
        &|create| create.hpke_key = Bytes::from_static(&[1; 32]),
        &|create| create.wrap = Bytes::new(),
        &|create| create.needs_approval = true,
        &|create| create.invite_key = Bytes::from_static(&[0; 32]),
        &|create| create.invite_key = invite(1).public_bytes(),
    ];
    for fault in faults {
        let mut create = sound.clone();
        fault(&mut create);
        let result = space.control(&alice(), Body::CreateInvite(create));
        assert!(matches!(
            result,
            Err(Refusal::Chain(ChainError::Rule(_) | ChainError::Signature(_)))
        ));
    }
    space.control(&alice(), Body::CreateInvite(sound)).unwrap();
}

#[test]
fn acceptance_with_a_fault_is_refused() {
    let mut space = space_with_invite();
    let forged = |result| {
        assert!(matches!(result, Err(Refusal::Chain(ChainError::Signature(_)))));
    };
    // Not by the invite's key, and not by the joiner.
    let by_other_invite = space.acceptance(&bob(), &bob(), 1, 2);
    forged(space.append_control(&by_other_invite));
    let by_other_joiner = space.acceptance(&bob(), &carol(), 1, 1);
    forged(space.append_control(&by_other_joiner));
    let agent = Person::new(14, PrincipalKind::Agent);
    assert!(rule(space.accept(&agent, 1)).contains("agent"));
    let Body::AcceptInvite(accept) = space.accept_body(&bob(), 1) else {
        unreachable!()
    };
    let unwrapped = wire::AcceptInvite {
        wrap: Bytes::new(),
        ..accept.clone()
    };
    let record = space.accepted(&bob(), &bob(), 1, unwrapped);
    assert!(rule(space.append_control(&record)).contains("wrap"));
    let for_another = wire::AcceptInvite {
        manifest: carol().manifest.bytes().clone(),
        ..accept
    };
    let record = space.accepted(&bob(), &bob(), 1, for_another);
    assert!(rule(space.append_control(&record)).contains("author"));
}

#[test]
fn open_invites_are_limited() {
    let mut space = Space::new(&alice(), true);
    for number in 1..=limits::MAX_OPEN_INVITES {
        space
            .invite(&alice(), u8::try_from(number).unwrap(), MEMBER, 1)
            .unwrap();
    }
    assert!(rule(space.invite(&alice(), 200, MEMBER, 1)).contains("open invites"));
}
