use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sealpost_protocol::event::sign_event;
use sealpost_protocol::ids::{EventId, PrincipalId, Root, SpaceId, WriterId};
use sealpost_protocol::root::Cursor;

use super::*;

const SPACE: SpaceId = SpaceId::new([7; 32]);

fn key() -> EpochKey {
    EpochKey::generate(SPACE, 1, &mut StdRng::seed_from_u64(1))
}

fn header() -> EventHeader {
    EventHeader {
        space_id: SPACE,
        epoch: 1,
        key_id: key().at().key_id,
        principal_id: PrincipalId::new([1; 32]),
        writer_id: WriterId::new([2; 16]),
        writer_index: 1,
        previous_event_id: None,
        control_index: 2,
        control_head: EventId::new([3; 32]),
        seen: Cursor {
            seq: 2,
            root: Root::new([4; 32]),
        },
        nonce: [5; 24],
    }
}

fn parsed(header: &EventHeader, ciphertext: Bytes) -> ParsedEvent {
    ParsedEvent::parse(&sign_event(header, ciphertext, &SigningKey::from_bytes(&[1; 32]))).unwrap()
}

fn content(messages: Vec<Message>) -> Content {
    Content {
        author_time_ms: 1_700_000_000_000,
        messages,
    }
}

#[test]
fn content_type_survives_and_plain_text_is_the_default() {
    let content = content(vec![
        Message::text("hello"),
        Message::new("application/json", "{}"),
    ]);
    let sealed = seal_content(&key(), &header(), &content);
    let opened = open_content(&key(), &parsed(&header(), sealed)).unwrap().unwrap();
    assert_eq!(opened, content);
}

#[test]
fn short_messages_are_alike_in_length() {
    let lengths = ["a", "hello, how are you today?"]
        .map(|text| seal_content(&key(), &header(), &content(vec![Message::text(text)])).len());
    assert_eq!(lengths[0], lengths[1]);
}

#[test]
fn content_under_a_changed_header_does_not_open() {
    let sealed = seal_content(&key(), &header(), &content(vec![Message::text("hello")]));
    let relocated = [
        EventHeader { epoch: 2, ..header() },
        EventHeader {
            writer_index: 2,
            previous_event_id: Some(EventId::new([9; 32])),
            ..header()
        },
        EventHeader {
            nonce: [6; 24],
            ..header()
        },
        EventHeader {
            space_id: SpaceId::new([8; 32]),
            ..header()
        },
    ];
    for header in relocated {
        assert_eq!(
            open_content(&key(), &parsed(&header, sealed.clone())),
            Err(Unreadable)
        );
    }
}

#[test]
fn changed_cut_or_foreign_ciphertext_does_not_open() {
    let sealed = seal_content(&key(), &header(), &content(vec![Message::text("hello")]));
    for at in [0, sealed.len() - 17, sealed.len() - 1] {
        let mut changed = sealed.to_vec();
        changed[at] ^= 1;
        assert_eq!(
            open_content(&key(), &parsed(&header(), changed.into())),
            Err(Unreadable)
        );
    }
    assert_eq!(
        open_content(&key(), &parsed(&header(), sealed.slice(1..))),
        Err(Unreadable)
    );
    let other = EpochKey::generate(SPACE, 1, &mut StdRng::seed_from_u64(2));
    assert_eq!(open_content(&other, &parsed(&header(), sealed)), Err(Unreadable));
}

#[test]
fn more_messages_than_an_event_may_carry_are_unreadable() {
    let many = vec![Message::text(""); limits::MAX_MESSAGES_PER_EVENT + 1];
    let sealed = seal_content(&key(), &header(), &content(many));
    assert_eq!(open_content(&key(), &parsed(&header(), sealed)), Err(Unreadable));
}

#[test]
fn content_that_no_encoder_writes_is_unreadable() {
    let encoded = encode(&content(vec![Message::text("hello")]));
    assert!(decode(encoded.clone().into()).is_ok());
    let unknown_field = [&encoded[..], &[0x78, 1]].concat();
    let default_value = [&[0x08, 0][..], &encoded[..]].concat();
    let no_message = encode(&content(Vec::new()));
    for other in [unknown_field, default_value, no_message] {
        assert_eq!(decode(other.into()), Err(Unreadable));
    }
}

#[test]
fn event_that_carried_a_message_first_survives_and_is_an_id_or_nothing() {
    let again = Message {
        first_event_id: Some(EventId::new([9; 32])),
        ..Message::text("hello")
    };
    let content = content(vec![again, Message::text("and on")]);
    let encoded = encode(&content);
    assert_eq!(decode(encoded.into()), Ok(content));
    for length in [1, 31, 33] {
        let message = wire::Message {
            first_event_id: vec![9; length].into(),
            ..wire::Message::default()
        };
        let content = wire::EventContent {
            author_time_ms: 1,
            messages: vec![message],
        };
        assert_eq!(decode(content.encode_to_vec().into()), Err(Unreadable));
    }
}

#[test]
fn longest_message_fits_and_a_longer_one_is_refused() {
    let content_type = format!("text/plain;{}", "x".repeat(MAX_CONTENT_TYPE - 11));
    let longest = Message {
        first_event_id: Some(EventId::new([9; 32])),
        ..Message::new(content_type, vec![1; MAX_BODY])
    };
    assert_eq!(check_message(&longest), Ok(()));
    let sealed = seal_content(&key(), &header(), &content(vec![longest.clone()]));
    assert!(sealed.len() <= limits::MAX_EVENT_CIPHERTEXT);
    let longer = Message::new("text/plain", vec![1; MAX_BODY + 1]);
    assert_eq!(
        check_message(&longer),
        Err(MessageError::BodyTooLong { length: MAX_BODY + 1 })
    );
    let named = Message::new("x".repeat(MAX_CONTENT_TYPE + 1), "");
    assert_eq!(
        check_message(&named),
        Err(MessageError::ContentTypeTooLong {
            length: MAX_CONTENT_TYPE + 1
        })
    );
}

#[test]
fn packing_stops_at_the_count_and_at_the_bytes() {
    let short = vec![Message::text("x"); 1000];
    assert_eq!(count_that_fits(&short), limits::MAX_MESSAGES_PER_EVENT);
    let long = vec![Message::new("text/plain", vec![0; 50_000]); 3];
    assert_eq!(count_that_fits(&long), 2);
    assert_eq!(count_that_fits(&[]), 0);
}

proptest! {
    #[test]
    fn whatever_is_packed_fits_into_one_event(lengths in proptest::collection::vec(0..MAX_BODY, 1..40)) {
        let messages: Vec<_> = lengths.iter().map(|length| Message::new("a/b", vec![0; *length])).collect();
        let count = count_that_fits(&messages);
        prop_assert!(count >= 1);
        let sealed = seal_content(&key(), &header(), &content(messages[..count].to_vec()));
        prop_assert!(sealed.len() <= limits::MAX_EVENT_CIPHERTEXT);
    }
}

#[test]
fn what_is_no_media_type_is_refused() {
    let check = |content_type: &str| check_message(&Message::new(content_type, ""));
    for content_type in [
        PLAIN_TEXT,
        "image/png",
        "application/vnd.example+json",
        "a/b;c=\"d\"",
    ] {
        assert_eq!(check(content_type), Ok(()), "{content_type:?}");
    }
    for content_type in [
        "",
        "text",
        "/",
        "a/",
        "/b",
        "a b/c",
        "a/b/c",
        "a/b;\x1b[2J",
        "a/b\n",
        "-a/b",
        "ä/b",
    ] {
        assert_eq!(
            check(content_type),
            Err(MessageError::NotAMediaType),
            "{content_type:?}"
        );
    }
}
