//! What outlives a space or a history: tombstones and resume records.

use super::{alice, bob, denied};
use crate::chain::Capabilities;
use crate::control::{ParsedControl, sign_control};
use crate::fold::Refusal;
use crate::ids::Root;
use crate::resume::{ResumeError, Resumption};
use crate::root::Cursor;
use crate::testing::{Person, Space, rule};
use crate::tombstone::{TombstoneError, check_tombstone};
use crate::wire;
use crate::wire::control_record::Body;

fn tombstone(space: &Space, author: &Person) -> wire::SignedControl {
    let body = Body::Tombstone(wire::Tombstone {});
    sign_control(&space.link(), &author.id(), body, &author.key)
}

#[test]
fn tombstone_of_a_manager_is_proof_to_who_was_there_and_to_who_is_behind() {
    let mut space = Space::new(&alice(), true);
    let behind = space.fold.chain().clone();
    space.add(&alice(), &bob(), Capabilities::WRITE).unwrap();
    let proof = tombstone(&space, &alice());
    for chain in [&behind, space.fold.chain()] {
        assert_eq!(check_tombstone(&proof, chain), Ok(()));
    }
    space
        .append_control(&ParsedControl::parse(&proof).unwrap())
        .unwrap();
    assert_eq!(check_tombstone(&proof, space.fold.chain()), Ok(()));
}

#[test]
fn tombstone_that_a_relay_could_make_is_no_proof() {
    let mut space = Space::new(&alice(), true);
    space.add(&alice(), &bob(), Capabilities::WRITE).unwrap();
    let by_writer = tombstone(&space, &bob());
    let by_stranger = tombstone(&space, &Person::human(30));
    for proof in [by_writer, by_stranger] {
        let result = check_tombstone(&proof, space.fold.chain());
        assert_eq!(result, Err(TombstoneError::NotByAManager));
    }
    let mut forged = tombstone(&space, &alice());
    forged.signature = tombstone(&space, &bob()).signature;
    let result = check_tombstone(&forged, space.fold.chain());
    assert!(matches!(result, Err(TombstoneError::Signature(_))));
    let other_space = tombstone(&Space::new(&alice(), false), &alice());
    let other_record = sign_control(
        &space.link(),
        &alice().id(),
        Body::Leave(wire::Leave {}),
        &alice().key,
    );
    let stale = {
        let mut earlier = Space::new(&alice(), true);
        let proof = tombstone(&earlier, &alice());
        earlier.rekey(&alice()).unwrap();
        proof
    };
    for proof in [other_space, other_record, stale] {
        let result = check_tombstone(&proof, space.fold.chain());
        assert_eq!(result, Err(TombstoneError::Other));
    }
}

fn resume(lost: Cursor, kept: Cursor) -> Body {
    Body::Resume(wire::Resume {
        lost_seq: lost.seq,
        lost_root: lost.root.to_bytes(),
        kept_seq: kept.seq,
        kept_root: kept.root.to_bytes(),
    })
}

/// A space of Alice and Bob, and two ways on from there.
fn fork() -> (Space, Space) {
    let mut kept = Space::new(&alice(), true);
    kept.add(&alice(), &bob(), Capabilities::WRITE).unwrap();
    let mut lost = kept.clone();
    for _ in 0..3 {
        let header = lost.header(&bob());
        lost.publish(&bob(), &header).unwrap();
    }
    let header = kept.header(&alice());
    kept.publish(&alice(), &header).unwrap();
    (kept, lost)
}

#[test]
fn resume_record_of_a_manager_in_both_histories_settles_them() {
    let (mut kept, lost) = fork();
    let body = resume(lost.fold.cursor(), kept.fold.cursor());
    assert_eq!(kept.control(&bob(), body.clone()), denied());
    let record = kept.record(&alice(), body);
    kept.append_control(&record).unwrap();
    let settled = Resumption::settle(&record, &lost.fold, &|seq| lost.root_at(seq)).unwrap();
    assert_eq!(settled.lost, lost.fold.cursor());
}

#[test]
fn resume_record_of_other_histories_is_refused() {
    let (mut kept, lost) = fork();
    let beside = Cursor {
        root: Root::new([0; 32]),
        ..kept.fold.cursor()
    };
    let off = resume(lost.fold.cursor(), beside);
    assert_eq!(kept.control(&alice(), off), Err(Refusal::ResumeMismatch));
    let nothing_lost = resume(
        Cursor {
            seq: 2,
            root: kept.roots[2],
        },
        kept.fold.cursor(),
    );
    assert_eq!(kept.control(&alice(), nothing_lost), Err(Refusal::ResumeMismatch));
    let same = resume(kept.fold.cursor(), kept.fold.cursor());
    assert!(rule(kept.control(&alice(), same)).contains("two different places"));
    let short = Body::Resume(wire::Resume {
        lost_root: vec![1; 31].into(),
        ..wire::Resume::default()
    });
    assert!(rule(kept.control(&alice(), short)).contains("two different places"));
    let elsewhere = kept.record(
        &alice(),
        resume(
            Cursor {
                seq: 5,
                root: Root::new([9; 32]),
            },
            kept.fold.cursor(),
        ),
    );
    let settled = Resumption::settle(&elsewhere, &lost.fold, &|seq| lost.root_at(seq));
    assert_eq!(settled, Err(ResumeError::OtherHistory));
}

#[test]
fn resume_record_by_who_managed_only_the_kept_history_does_not_settle() {
    let (mut kept, lost) = fork();
    kept.grant(&alice(), &bob(), Capabilities::ALL).unwrap();
    let record = kept.record(&bob(), resume(lost.fold.cursor(), kept.fold.cursor()));
    kept.append_control(&record).unwrap();
    let settled = Resumption::settle(&record, &lost.fold, &|seq| lost.root_at(seq));
    assert_eq!(settled, Err(ResumeError::NotByAManager));
}
