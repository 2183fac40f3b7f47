use super::*;
use crate::ids::{KeyId, WriterId};
use crate::testing::{OTHER_EVENT, Person, Space, WRITER};
use crate::wire::PrincipalKind;

fn setup() -> (Space, Person) {
    let alice = Person::human(10);
    (Space::new(&alice, true), alice)
}

#[test]
fn events_take_places_without_a_gap() {
    let (mut space, alice) = setup();
    for seq in 3..20 {
        let header = space.header(&alice);
        assert_eq!(space.publish(&alice, &header).unwrap().seq, seq);
    }
}

#[test]
fn repeat_is_recognised_with_its_first_place() {
    let (mut space, alice) = setup();
    let header = space.header(&alice);
    let first = space.publish(&alice, &header).unwrap();
    let later = space.header(&alice);
    space.publish(&alice, &later).unwrap();
    let again = space.event(&alice, &header).unwrap();
    let verdict = space.fold.check_event(&again, &|_| None);
    assert_eq!(verdict, Ok(Verdict::Repeat { seq: first.seq }));
}

#[test]
fn other_event_at_a_taken_index_is_a_conflict() {
    let (mut space, alice) = setup();
    let header = space.header(&alice);
    space.publish(&alice, &header).unwrap();
    let other = EventHeader {
        nonce: [1; 24],
        ..header
    };
    assert_eq!(
        space.publish(&alice, &other),
        Err(Refusal::Writer(WriterPlace::Conflict))
    );
}

#[test]
fn index_beyond_the_remembered_window_is_a_conflict() {
    let (mut space, alice) = setup();
    let first = space.header(&alice);
    space.publish(&alice, &first).unwrap();
    for _ in 0..crate::limits::REMEMBERED_EVENTS_PER_WRITER {
        let header = space.header(&alice);
        space.publish(&alice, &header).unwrap();
    }
    assert_eq!(
        space.publish(&alice, &first),
        Err(Refusal::Writer(WriterPlace::Conflict))
    );
}

#[test]
fn gap_in_a_writers_chain_is_refused() {
    let (mut space, alice) = setup();
    let skipping = EventHeader {
        writer_index: 2,
        previous_event_id: Some(OTHER_EVENT),
        ..space.header(&alice)
    };
    assert_eq!(
        space.publish(&alice, &skipping),
        Err(Refusal::Writer(WriterPlace::Gap))
    );
}

#[test]
fn event_that_follows_another_than_the_writers_last_is_a_conflict() {
    let (mut space, alice) = setup();
    let header = space.header(&alice);
    space.publish(&alice, &header).unwrap();
    let header = EventHeader {
        previous_event_id: Some(OTHER_EVENT),
        ..space.header(&alice)
    };
    assert_eq!(
        space.publish(&alice, &header),
        Err(Refusal::Writer(WriterPlace::Conflict))
    );
}

#[test]
fn relocated_event_is_refused() {
    let (mut space, alice) = setup();
    let header = space.header(&alice);
    let cases = [
        (
            EventHeader {
                space_id: SpaceId::new([0; 32]),
                ..header.clone()
            },
            Refusal::OtherSpace,
        ),
        (
            EventHeader {
                epoch: 2,
                ..header.clone()
            },
            Refusal::StaleEpoch { current: 1 },
        ),
        (
            EventHeader {
                key_id: KeyId::new([9; 32]),
                ..header.clone()
            },
            Refusal::WrongKey,
        ),
        (
            EventHeader {
                control_head: OTHER_EVENT,
                ..header.clone()
            },
            Refusal::ControlHeadUnknown,
        ),
        (
            EventHeader {
                control_index: 9,
                ..header
            },
            Refusal::ControlHeadUnknown,
        ),
    ];
    for (header, refusal) in cases {
        assert_eq!(space.publish(&alice, &header), Err(refusal));
    }
}

#[test]
fn false_or_future_seen_is_refused() {
    let (mut space, alice) = setup();
    let header = space.header(&alice);
    let false_root = Cursor {
        root: Root::new([0; 32]),
        ..header.seen
    };
    let future = Cursor {
        seq: header.seen.seq + 1,
        ..header.seen
    };
    for seen in [false_root, future] {
        let header = EventHeader {
            seen,
            ..header.clone()
        };
        assert_eq!(
            space.publish(&alice, &header),
            Err(Refusal::SeenMismatch { seq: seen.seq })
        );
    }
}

#[test]
fn seen_of_a_writer_never_decreases() {
    let (mut space, alice) = setup();
    let early = space.header(&alice).seen;
    let header = space.header(&alice);
    space.publish(&alice, &header).unwrap();
    let header = space.header(&alice);
    space.publish(&alice, &header).unwrap();
    let back = EventHeader {
        seen: early,
        ..space.header(&alice)
    };
    assert_eq!(
        space.publish(&alice, &back),
        Err(Refusal::Writer(WriterPlace::SeenDecreased))
    );
}

#[test]
fn older_but_true_seen_of_a_new_writer_is_accepted() {
    let (mut space, alice) = setup();
    let early = space.header(&alice);
    let header = space.header(&alice);
    space.publish(&alice, &header).unwrap();
    let other_writer = EventHeader {
        writer_id: WriterId::new([7; 16]),
        ..early
    };
    assert!(space.publish(&alice, &other_writer).is_ok());
}

#[test]
fn outsider_and_reader_cannot_write() {
    let (mut space, alice) = setup();
    let bob = Person::human(11);
    let header = space.header(&bob);
    assert_eq!(space.publish(&bob, &header), Err(Refusal::NotAMember));
    space.add(&alice, &bob, Capabilities::NONE).unwrap();
    let header = space.header(&bob);
    assert_eq!(space.publish(&bob, &header), Err(Refusal::NotPermitted));
}

#[test]
fn event_in_anothers_name_is_refused() {
    let (mut space, alice) = setup();
    let bob = Person::new(11, PrincipalKind::Agent);
    let header = space.header(&alice);
    assert!(matches!(space.publish(&bob, &header), Err(Refusal::Key(_))));
}

#[test]
fn writers_of_one_principal_are_limited() {
    let (mut space, alice) = setup();
    for number in 0..crate::limits::MAX_WRITERS_PER_PRINCIPAL {
        let mut writer = [0; 16];
        writer[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let header = EventHeader {
            writer_id: WriterId::new(writer),
            ..space.header(&alice)
        };
        space.publish(&alice, &header).unwrap();
    }
    let header = EventHeader {
        writer_id: WriterId::new([0xff; 16]),
        ..space.header(&alice)
    };
    assert_eq!(
        space.publish(&alice, &header),
        Err(Refusal::Writer(WriterPlace::TooManyWriters))
    );
}

#[test]
fn stale_epoch_names_the_current_one() {
    let (mut space, alice) = setup();
    let stale = space.header(&alice);
    space.rekey(&alice).unwrap();
    assert_eq!(
        space.publish(&alice, &stale),
        Err(Refusal::StaleEpoch { current: 2 })
    );
    assert!(space.fold.writers().position(&alice.id(), &WRITER).is_none());
}
