use super::*;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[4; 32])
}

fn header() -> EventHeader {
    EventHeader {
        space_id: SpaceId::new([1; 32]),
        epoch: 1,
        key_id: KeyId::new([2; 32]),
        principal_id: PrincipalId::new([3; 32]),
        writer_id: WriterId::new([4; 16]),
        writer_index: 2,
        previous_event_id: Some(EventId::new([5; 32])),
        control_index: 2,
        control_head: EventId::new([6; 32]),
        seen: Cursor {
            seq: 7,
            root: Root::new([7; 32]),
        },
        nonce: [8; 24],
    }
}

fn event() -> wire::SignedEvent {
    sign_event(&header(), Bytes::from_static(&[9; 64]), &key())
}

#[test]
fn signed_event_parses_verifies_and_travels_verbatim() {
    let parsed = ParsedEvent::parse(&event()).unwrap();
    assert_eq!(parsed.header, header());
    let verified = parsed.verify(&PublicKey::of(&key())).unwrap();
    assert_eq!(verified.to_wire(), event());
}

#[test]
fn any_flipped_bit_changes_the_verdict() {
    let verdict = |event: &wire::SignedEvent| {
        ParsedEvent::parse(event).is_ok_and(|parsed| parsed.verify(&PublicKey::of(&key())).is_ok())
    };
    let original = event();
    for part in 0..3 {
        let length = [&original.header, &original.ciphertext, &original.signature][part].len();
        for position in 0..length {
            let mut altered = original.clone();
            let field = match part {
                0 => &mut altered.header,
                1 => &mut altered.ciphertext,
                _ => &mut altered.signature,
            };
            let mut bytes = field.to_vec();
            bytes[position] ^= 1;
            *field = bytes.into();
            assert!(!verdict(&altered), "part {part}, byte {position}");
        }
    }
}

#[test]
fn dropping_the_ciphertext_keeps_id_and_signature() {
    let kept = ParsedEvent::parse(&event()).unwrap();
    let dropped = ParsedEvent::parse(&without_ciphertext(&event())).unwrap();
    assert_eq!(kept.id(), dropped.id());
    assert_eq!(dropped.ciphertext(), None);
    assert!(dropped.verify(&PublicKey::of(&key())).is_ok());
}

#[test]
fn event_with_both_ciphertext_and_hash_is_refused() {
    let mut both = event();
    both.ciphertext_hash = Bytes::copy_from_slice(&sha256(&both.ciphertext));
    assert_eq!(
        ParsedEvent::parse(&both),
        Err(EventError::Field("ciphertext hash"))
    );
}

#[test]
fn first_event_of_a_writer_names_no_previous_one() {
    let first = EventHeader {
        writer_index: 1,
        previous_event_id: None,
        ..header()
    };
    assert_eq!(EventHeader::parse(&first.encode()), Ok(first.clone()));
    let wrong = EventHeader {
        writer_index: 1,
        ..header()
    };
    assert_eq!(
        EventHeader::parse(&wrong.encode()),
        Err(EventError::Field("previous event id"))
    );
    let wrong = EventHeader {
        previous_event_id: None,
        ..header()
    };
    assert!(matches!(
        EventHeader::parse(&wrong.encode()),
        Err(EventError::Id(_))
    ));
}

#[test]
fn oversize_ciphertext_is_refused_before_it_is_hashed() {
    let large = Bytes::from(vec![0; limits::MAX_EVENT_CIPHERTEXT + 1]);
    let event = wire::SignedEvent {
        ciphertext: large,
        ..event()
    };
    assert!(matches!(
        ParsedEvent::parse(&event),
        Err(EventError::TooLarge {
            what: "ciphertext",
            ..
        })
    ));
}
