use super::*;
use crate::event::{EventHeader, sign_event, without_ciphertext};
use crate::ids::{Incarnation, KeyId, SpaceId, WriterId};
use crate::wire::PrincipalKind;

const SPACE: SpaceId = SpaceId::new([1; 32]);
const LIFE: Incarnation = Incarnation::new([2; 16]);

fn relay() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn alice() -> (SigningKey, Manifest) {
    let key = SigningKey::from_bytes(&[4; 32]);
    let manifest = Manifest::new(PrincipalKind::Human, &PublicKey::of(&key), &[5; limits::HPKE_KEY]);
    (key, manifest.unwrap())
}

/// A log of events with these ids.
fn log(ids: &[u8]) -> Vec<Cursor> {
    let mut log = vec![Cursor::start(&SPACE)];
    for id in ids {
        log.push(log[log.len() - 1].after(&EventId::new([*id; 32])));
    }
    log
}

fn signed(at: Cursor) -> wire::SignedCheckpoint {
    let (space_id, incarnation) = (SPACE, LIFE);
    let checkpoint = Checkpoint {
        space_id,
        incarnation,
        at,
    };
    checkpoint.sign(&relay())
}

/// That a log with entries 10, 11, 12, 13 was shown, and to somebody else one that has 20 in the second place.
fn fork() -> wire::Evidence {
    let (shown, other) = (log(&[10, 11, 12, 13]), log(&[10, 20]));
    wire::Evidence {
        version: VERSION,
        origin: "https://relay.example".to_owned(),
        checkpoint_key: Bytes::copy_from_slice(PublicKey::of(&relay()).as_bytes()),
        at_ms: 1_700_000_000_000,
        what: "the relay has signed another log".to_owned(),
        shown: Some(signed(shown[4])),
        root: shown[2].root.to_bytes(),
        event_ids: vec![
            EventId::new([12; 32]).to_bytes(),
            EventId::new([13; 32]).to_bytes(),
        ],
        other: Some(Other::Checkpoint(signed(other[2]))),
    }
}

fn file(evidence: &wire::Evidence) -> Bytes {
    let (key, manifest) = alice();
    export(evidence, &manifest, &key)
}

#[test]
fn two_logs_signed_as_one_are_proven_to_anybody() {
    let verdict = verify(&file(&fork())).unwrap();
    assert_eq!(verdict.place, log(&[10, 11])[2]);
    assert_eq!(verdict.other_root, log(&[10, 20])[2].root);
    assert_eq!(verdict.exporter, alice().1.id());
    assert_eq!((verdict.shown.at.seq, verdict.seen_by), (4, None));
}

#[test]
fn any_changed_byte_makes_the_file_prove_nothing() {
    let whole = file(&fork());
    for at in 0..whole.len() {
        for bit in [1, 0x80] {
            let mut changed = whole.to_vec();
            changed[at] ^= bit;
            assert!(verify(&changed.into()).is_err(), "byte {at}, bit {bit}");
        }
    }
    for length in 0..whole.len() {
        assert!(verify(&whole.slice(..length)).is_err(), "cut at {length}");
    }
}

#[test]
fn an_author_that_saw_another_log_proves_it_too() {
    let (key, manifest) = alice();
    let other = log(&[10, 20]);
    let header = EventHeader {
        space_id: SPACE,
        epoch: 1,
        key_id: KeyId::new([6; 32]),
        principal_id: manifest.id(),
        writer_id: WriterId::new([7; 16]),
        writer_index: 1,
        previous_event_id: None,
        control_index: 1,
        control_head: EventId::new([8; 32]),
        seen: other[2],
        nonce: [9; limits::NONCE],
    };
    let event = sign_event(&header, Bytes::from_static(&[0; 32]), &key);
    let id = ParsedEvent::parse(&event).unwrap().id();
    let two = log(&[10, 11])[2];
    let seen = |manifest: &Manifest| {
        Some(Other::Event(wire::SeenEvent {
            manifest: manifest.bytes().clone(),
            event: Some(without_ciphertext(&event)),
        }))
    };
    let evidence = wire::Evidence {
        shown: Some(signed(two.after(&id))),
        event_ids: vec![id.to_bytes()],
        other: seen(&manifest),
        ..fork()
    };
    let verdict = verify(&file(&evidence)).unwrap();
    assert_eq!(verdict.seen_by, Some(manifest.id()));
    assert_eq!(verdict.other_root, other[2].root);

    // Not by the author that the file names, or not in the log that was shown.
    let bob = SigningKey::from_bytes(&[40; 32]);
    let bob = Manifest::new(PrincipalKind::Human, &PublicKey::of(&bob), &[5; limits::HPKE_KEY]).unwrap();
    let by_bob = wire::Evidence {
        other: seen(&bob),
        ..evidence.clone()
    };
    assert!(matches!(verify(&file(&by_bob)), Err(EvidenceError::Key(_))));
    let elsewhere = wire::Evidence {
        other: seen(&manifest),
        ..fork()
    };
    assert_eq!(verify(&file(&elsewhere)), Err(EvidenceError::Apart));
}

#[test]
fn what_an_honest_relay_signs_is_no_evidence() {
    let shown = log(&[10, 11, 12, 13]);
    let consistent = wire::Evidence {
        other: Some(Other::Checkpoint(signed(shown[2]))),
        ..fork()
    };
    assert_eq!(verify(&file(&consistent)), Err(EvidenceError::Consistent));
    // Another root claimed for the place does not lead to what was signed.
    let claimed = wire::Evidence {
        root: log(&[10, 20])[2].root.to_bytes(),
        ..consistent
    };
    assert_eq!(verify(&file(&claimed)), Err(EvidenceError::Unconnected));
}

#[test]
fn statements_about_other_logs_lives_places_or_of_others_are_no_evidence() {
    let at = log(&[10, 20])[2];
    let checkpoint = Checkpoint {
        space_id: SPACE,
        incarnation: LIFE,
        at,
    };
    let with = |other: wire::SignedCheckpoint| {
        verify(&file(&wire::Evidence {
            other: Some(Other::Checkpoint(other)),
            ..fork()
        }))
    };
    let other_space = Checkpoint {
        space_id: SpaceId::new([11; 32]),
        ..checkpoint
    };
    let other_life = Checkpoint {
        incarnation: Incarnation::new([12; 16]),
        ..checkpoint
    };
    let other_place = Checkpoint {
        at: log(&[10, 20, 21])[3],
        ..checkpoint
    };
    for apart in [other_space, other_life, other_place] {
        assert_eq!(with(apart.sign(&relay())), Err(EvidenceError::Apart));
    }
    let somebody = SigningKey::from_bytes(&[13; 32]);
    assert!(matches!(
        with(checkpoint.sign(&somebody)),
        Err(EvidenceError::Checkpoint(_))
    ));
    let too_many = wire::Evidence {
        event_ids: vec![EventId::new([12; 32]).to_bytes(); 5],
        ..fork()
    };
    assert_eq!(verify(&file(&too_many)), Err(EvidenceError::Unconnected));
    let lacking = wire::Evidence {
        shown: None,
        ..fork()
    };
    assert_eq!(verify(&file(&lacking)), Err(EvidenceError::Incomplete));
    let lacking = wire::Evidence {
        other: None,
        ..fork()
    };
    assert_eq!(verify(&file(&lacking)), Err(EvidenceError::Incomplete));
}
