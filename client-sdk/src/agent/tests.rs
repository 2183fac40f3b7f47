use proptest::prelude::*;
use sealpost_protocol::ids::PrincipalId;
use serde::Deserialize;

use super::{NotAPairingCode, PairingCode};
use crate::entropy;

const OWNER: PrincipalId = PrincipalId::new([7; 32]);

fn code() -> PairingCode {
    PairingCode::generate(OWNER, &mut entropy::system())
}

#[test]
fn pairing_code_is_read_as_people_copy_it() {
    let code = code();
    let text = code.expose_text();
    assert!(text.len() == 99 && text.split('-').all(|group| group.len() == 4));
    for typed in [
        text.to_lowercase(),
        text.replace('-', " "),
        text.replace('-', "").replace('0', "O"),
    ] {
        let read = PairingCode::parse(&typed).unwrap();
        assert_eq!(read.owner(), OWNER);
        assert_eq!(read.token().expose_bytes(), code.token().expose_bytes());
    }
}

#[test]
fn cut_and_altered_codes_are_refused() {
    let text = code().expose_text();
    for wrong in ["", "0000", &text[1..], &format!("{}0", *text)] {
        assert_eq!(PairingCode::parse(wrong).err(), Some(NotAPairingCode::Length));
    }
    let symbol = PairingCode::parse(&format!("{}U{}", &text[..5], &text[6..]));
    assert_eq!(symbol.err(), Some(NotAPairingCode::Symbol(6)));
    // One of 65,536 slips through the checksum, and then opens nothing at the relay.
    let altered = (0..text.len())
        .filter(|at| text.as_bytes()[*at] != b'-')
        .filter(|at| {
            let other = if text.as_bytes()[*at] == b'7' { "8" } else { "7" };
            let mut altered = text.to_string();
            altered.replace_range(*at..=*at, other);
            let read = PairingCode::parse(&altered);
            assert!(matches!(read, Ok(_) | Err(NotAPairingCode::Checksum)));
            read.is_ok()
        });
    assert!(altered.count() < 2);
}

#[test]
fn code_of_another_owner_opens_nothing() {
    let code = code();
    let exchanged = PairingCode::of(code.expose_entropy(), PrincipalId::new([8; 32]));
    assert_ne!(exchanged.token().expose_bytes(), code.token().expose_bytes());
}

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    entropy: String,
    owner: PrincipalId,
    code: String,
    pairing_token: String,
}

#[test]
fn pairing_vectors_are_what_this_code_makes() {
    let file: Vectors = serde_json::from_str(include_str!("../../vectors/pairing.json")).unwrap();
    assert!(file.vectors.len() > 1);
    for vector in file.vectors {
        let entropy: Vec<u8> = hex::decode(&vector.entropy).unwrap();
        let code = PairingCode::of(&entropy.try_into().unwrap(), vector.owner);
        assert_eq!(*code.expose_text(), vector.code);
        assert_eq!(hex::encode(code.token().expose_bytes()), vector.pairing_token);
        assert_eq!(PairingCode::parse(&vector.code).unwrap().owner(), vector.owner);
    }
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(text: String) {
        let _ = PairingCode::parse(&text);
    }
}
