use sealpost_protocol::ids::PrincipalId;

use super::*;
use crate::keystore::testing::content;

const BOB: PrincipalId = PrincipalId::new([1; 32]);
const MALLORY: PrincipalId = PrincipalId::new([2; 32]);

fn with_bob() -> Content {
    let mut content = content();
    confirm_in(&mut content, "bob", BOB, 7);
    content
}

#[test]
fn unknown_principal_is_a_candidate() {
    let contact = judge(&content(), "bob", BOB).unwrap();
    assert_eq!(contact.confirmed_at_ms, None);
}

#[test]
fn confirmed_principal_is_recognised() {
    let contact = judge(&with_bob(), "bob", BOB).unwrap();
    assert_eq!(contact.confirmed_at_ms, Some(7));
}

#[test]
fn other_keys_under_a_confirmed_handle_are_blocked() {
    let refused = judge(&with_bob(), "bob", MALLORY);
    assert!(matches!(refused, Err(Error::Integrity(_))));
}

#[test]
fn a_confirmed_handle_is_not_confirmed_again_for_other_keys() {
    let mut content = with_bob();
    confirm_in(&mut content, "bob", MALLORY, 8);
    assert_eq!(confirmed_under(&content, "bob"), Some(BOB));
    assert!(!content.contacts.contains_key(&MALLORY));
}

#[test]
fn mistyped_fingerprints_are_told_from_foreign_ones() {
    assert!(expect_fingerprint(&"12345 ".repeat(8)).is_ok());
    for text in ["", "12345", &"1234x ".repeat(8), &"12345 ".repeat(9)] {
        assert!(matches!(expect_fingerprint(text), Err(Error::Usage(_))), "{text}");
    }
}

#[test]
fn slip_of_the_finger_names_the_group_and_raises_no_alarm() {
    let right = Fingerprint::of(&BOB).to_string();
    let with_wrong = |groups: &[usize]| {
        let mut text: Vec<String> = right.split(' ').map(str::to_owned).collect();
        for group in groups {
            let first = if text[*group].starts_with('1') { "2" } else { "1" };
            text[*group].replace_range(..1, first);
        }
        foreign_fingerprint("bob", &[MALLORY, BOB], &text.join(" "))
    };
    for (groups, named) in [(&[0][..], "group 1 "), (&[2, 7], "groups 3 and 8 ")] {
        let error = with_wrong(groups);
        assert!(
            matches!(&error, Error::Usage(text) if text.contains(named)),
            "{error}"
        );
    }
    assert!(matches!(with_wrong(&[0, 1, 2]), Error::Integrity(_)));
}
