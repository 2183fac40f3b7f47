//! The two halves against each other, and what each must refuse.

use opaque_ke::generic_array::{GenericArray, typenum::U64};
use opaque_ke::ksf::{Identity, Ksf};

use crate::ksf::{CEILING, FLOOR};
use crate::suite::Stretch;
use crate::*;

const PASSPHRASE: &[u8] = b"a passphrase of some length";
const ALICE: &[u8] = b"sixteen byte id.";

fn floor() -> CheckedKsf {
    FLOOR.check().unwrap()
}

fn register(setup: &ServerSetup) -> (Record, Registered) {
    let (client, request) = ClientRegistration::start(PASSPHRASE).unwrap();
    let response = setup.answer_registration(&request, ALICE).unwrap();
    let registered = client.finish(PASSPHRASE, &response, floor()).unwrap();
    (Record::from_upload(&registered.upload).unwrap(), registered)
}

#[test]
fn registration_then_login_agree_on_every_key() {
    let setup = ServerSetup::generate();
    let (record, registered) = register(&setup);
    let (client, request) = ClientLogin::start(PASSPHRASE).unwrap();
    let (state, response) = setup.start_login(Some(&record), &request, ALICE).unwrap();
    let logged_in = client.finish(PASSPHRASE, &response, floor()).unwrap();
    let server_key = state.finish(&logged_in.finalization).unwrap();

    assert!(server_key.expose_bytes() == logged_in.session_key.expose_bytes());
    assert!(registered.export_key.expose_bytes() == logged_in.export_key.expose_bytes());
    assert_eq!(registered.server_public_key, setup.public_key());
    assert_eq!(logged_in.server_public_key, setup.public_key());
}

#[test]
fn every_message_has_its_documented_length() {
    let setup = ServerSetup::generate();
    let (client, request) = ClientRegistration::start(PASSPHRASE).unwrap();
    let response = setup.answer_registration(&request, ALICE).unwrap();
    assert_eq!(request.len(), sizes::REGISTRATION_REQUEST);
    assert_eq!(response.len(), sizes::REGISTRATION_RESPONSE);
    let registered = client.finish(PASSPHRASE, &response, floor()).unwrap();
    assert_eq!(registered.upload.len(), sizes::REGISTRATION_UPLOAD);
    let record = Record::from_upload(&registered.upload).unwrap();
    assert_eq!(record.expose_bytes().len(), sizes::RECORD);
    assert_eq!(setup.serialize().len(), sizes::SERVER_SETUP);

    let (client, request) = ClientLogin::start(PASSPHRASE).unwrap();
    let (state, response) = setup.start_login(Some(&record), &request, ALICE).unwrap();
    assert_eq!(request.len(), sizes::LOGIN_REQUEST);
    assert_eq!(response.len(), sizes::LOGIN_RESPONSE);
    assert_eq!(state.serialize().len(), sizes::LOGIN_STATE);
    let logged_in = client.finish(PASSPHRASE, &response, floor()).unwrap();
    assert_eq!(logged_in.finalization.len(), sizes::LOGIN_FINALIZATION);
}

#[test]
fn setup_record_and_state_survive_storage() {
    let setup = ServerSetup::generate();
    let (record, _) = register(&setup);
    let setup = ServerSetup::parse(&setup.serialize()).unwrap();
    let record = Record::parse(record.expose_bytes()).unwrap();
    let (client, request) = ClientLogin::start(PASSPHRASE).unwrap();
    let (state, response) = setup.start_login(Some(&record), &request, ALICE).unwrap();
    let state = LoginState::parse(&state.serialize()).unwrap();
    let logged_in = client.finish(PASSPHRASE, &response, floor()).unwrap();
    assert!(state.finish(&logged_in.finalization).is_ok());
}

#[test]
fn wrong_passphrase_is_a_mismatch() {
    let setup = ServerSetup::generate();
    let (record, _) = register(&setup);
    let (client, request) = ClientLogin::start(b"wrong").unwrap();
    let (_, response) = setup.start_login(Some(&record), &request, ALICE).unwrap();
    let refused = client.finish(b"wrong", &response, floor()).err();
    assert_eq!(refused, Some(Error::Mismatch));
}

#[test]
fn a_made_up_proof_is_a_mismatch_at_the_server() {
    let setup = ServerSetup::generate();
    let (record, _) = register(&setup);
    let (_, request) = ClientLogin::start(PASSPHRASE).unwrap();
    let (state, _) = setup.start_login(Some(&record), &request, ALICE).unwrap();
    let refused = state.finish(&[7; sizes::LOGIN_FINALIZATION]).err();
    assert_eq!(refused, Some(Error::Mismatch));
}

#[test]
fn unknown_user_looks_like_a_wrong_passphrase() {
    let setup = ServerSetup::generate();
    let (client, request) = ClientLogin::start(PASSPHRASE).unwrap();
    let (state, response) = setup.start_login(None, &request, b"nobody").unwrap();
    assert_eq!(response.len(), sizes::LOGIN_RESPONSE);
    assert_eq!(state.serialize().len(), sizes::LOGIN_STATE);
    let refused = client.finish(PASSPHRASE, &response, floor()).err();
    assert_eq!(refused, Some(Error::Mismatch));
    let refused = state.finish(&[7; sizes::LOGIN_FINALIZATION]).err();
    assert_eq!(refused, Some(Error::Mismatch));
}

#[test]
fn unknown_user_gets_the_same_evaluation_each_time() {
    // The first 32 bytes answer the blinded passphrase; were they to change between two equal requests, they
    // would betray that there is no account.
    let setup = ServerSetup::generate();
    let (_, request) = ClientLogin::start(PASSPHRASE).unwrap();
    let (_, first) = setup.start_login(None, &request, b"nobody").unwrap();
    let (_, second) = setup.start_login(None, &request, b"nobody").unwrap();
    assert_eq!(first[..32], second[..32]);
}

#[test]
fn another_server_with_a_stolen_record_does_not_get_past_the_client() {
    let setup = ServerSetup::generate();
    let (record, _) = register(&setup);
    let thief = ServerSetup::generate();
    let (client, request) = ClientLogin::start(PASSPHRASE).unwrap();
    let (_, response) = thief.start_login(Some(&record), &request, ALICE).unwrap();
    let refused = client.finish(PASSPHRASE, &response, floor()).err();
    assert_eq!(refused, Some(Error::Mismatch));
}

#[test]
fn another_identifier_makes_the_passphrase_wrong() {
    let setup = ServerSetup::generate();
    let (record, _) = register(&setup);
    let (client, request) = ClientLogin::start(PASSPHRASE).unwrap();
    let (_, response) = setup.start_login(Some(&record), &request, b"other").unwrap();
    let refused = client.finish(PASSPHRASE, &response, floor()).err();
    assert_eq!(refused, Some(Error::Mismatch));
}

#[test]
fn stretching_is_on_and_is_argon2id_at_the_floor() {
    let input = GenericArray::<u8, U64>::clone_from_slice(&[0x5a; 64]);
    let stretched = Stretch::default().hash(input).unwrap();
    let checked = Stretch::from(floor()).hash(input).unwrap();
    let library = argon2_old::Argon2::new(
        argon2_old::Algorithm::Argon2id,
        argon2_old::Version::V0x13,
        argon2_old::Params::new(65_536, 3, 1, None).unwrap(),
    );
    assert_ne!(stretched, Identity.hash(input).unwrap());
    assert_eq!(stretched, Ksf::hash(&library, input).unwrap());
    assert_eq!(stretched, checked);
}

#[test]
fn parameters_change_the_keys_that_come_out() {
    // So the suite really hands them on to the stretching function.
    let setup = ServerSetup::generate();
    let (record, _) = register(&setup);
    let more = KsfParameters { t: 4, ..FLOOR }.check().unwrap();
    let (client, request) = ClientLogin::start(PASSPHRASE).unwrap();
    let (_, response) = setup.start_login(Some(&record), &request, ALICE).unwrap();
    let refused = client.finish(PASSPHRASE, &response, more).err();
    assert_eq!(refused, Some(Error::Mismatch));
}

#[test]
fn parameters_below_the_floor_are_refused() {
    let weak = [
        KsfParameters {
            m_kib: 65_535,
            ..FLOOR
        },
        KsfParameters { t: 2, ..FLOOR },
        KsfParameters { p: 0, ..FLOOR },
    ];
    let named: Vec<_> = weak.map(|offer| offer.check().unwrap_err().name).into();
    assert_eq!(named, ["m_kib", "t", "p"]);
}

#[test]
fn absurd_parameters_are_refused_without_deriving() {
    // `check` only compares; a client can derive with nothing but its result, so 4 TiB are never asked for.
    let absurd = [
        KsfParameters {
            m_kib: u32::MAX,
            ..FLOOR
        },
        KsfParameters { t: u32::MAX, ..FLOOR },
        KsfParameters { p: u32::MAX, ..FLOOR },
    ];
    let named: Vec<_> = absurd.map(|offer| offer.check().unwrap_err().name).into();
    assert_eq!(named, ["m_kib", "t", "p"]);
    assert!(CEILING.check().is_ok());
}

#[test]
fn messages_of_the_wrong_length_are_malformed() {
    let setup = ServerSetup::generate();
    let (_, mut request) = ClientLogin::start(PASSPHRASE).unwrap();
    request.push(0);
    let refused = setup.start_login(None, &request, ALICE).err();
    assert_eq!(refused, Some(Error::Malformed("login request")));
    for length in [0, 1, 31, 33, 320] {
        let bytes = vec![0x11; length];
        assert!(setup.answer_registration(&bytes, ALICE).is_err());
        assert!(setup.start_login(None, &bytes, ALICE).is_err());
        assert!(Record::from_upload(&bytes).is_err());
        assert!(Record::parse(&bytes).is_err());
        assert!(LoginState::parse(&bytes).is_err());
        assert!(ServerSetup::parse(&bytes).is_err());
    }
}

#[test]
fn values_outside_the_group_are_malformed() {
    let setup = ServerSetup::generate();
    for fill in [0x00, 0xff] {
        let refused = [
            setup
                .answer_registration(&[fill; sizes::REGISTRATION_REQUEST], ALICE)
                .err(),
            setup
                .start_login(None, &[fill; sizes::LOGIN_REQUEST], ALICE)
                .err(),
            Record::from_upload(&[fill; sizes::REGISTRATION_UPLOAD]).err(),
        ];
        for error in refused {
            assert!(matches!(error, Some(Error::Malformed(_))), "{fill:#x}: {error:?}");
        }
    }
}

#[test]
fn no_request_is_an_error_of_the_server() {
    let setup = ServerSetup::generate();
    // A point that a fuzzer of the HTTP API came upon.
    let mut request = *b"\x51\x6d\xea\x6b\xdb\x71\x05\x35\x96\xd3\x9a\xdf\xb5\xa0\xd4\x3c\xf6\xe1\xdc\x65\x38\xbf\xe5\x99\x16\xc9\x1f\x8d\xcc\xa1\xd6\x3a";
    for first in 0..=255 {
        request[0] ^= first;
        let answered = setup.answer_registration(&request, ALICE);
        assert!(!matches!(answered, Err(Error::Internal)), "{request:x?}");
        let mut login = vec![0; sizes::LOGIN_REQUEST];
        login[..32].copy_from_slice(&request);
        let answered = setup.start_login(None, &login, ALICE);
        assert!(!matches!(answered, Err(Error::Internal)), "{request:x?}");
    }
}

#[test]
fn hostile_answers_are_errors_at_the_client() {
    let (client, _) = ClientRegistration::start(PASSPHRASE).unwrap();
    assert!(
        client
            .finish(PASSPHRASE, &[0xff; sizes::REGISTRATION_RESPONSE], floor())
            .is_err()
    );
    let (client, _) = ClientLogin::start(PASSPHRASE).unwrap();
    assert!(
        client
            .finish(PASSPHRASE, &[0xff; sizes::LOGIN_RESPONSE], floor())
            .is_err()
    );
    let (client, _) = ClientLogin::start(PASSPHRASE).unwrap();
    assert!(client.finish(PASSPHRASE, b"short", floor()).is_err());
}

#[test]
fn a_reflected_answer_is_refused() {
    let setup = ServerSetup::generate();
    let (client, request) = ClientRegistration::start(PASSPHRASE).unwrap();
    let mut response = request.clone();
    response.extend(setup.public_key());
    assert!(client.finish(PASSPHRASE, &response, floor()).is_err());
}

#[test]
fn passphrases_have_bounds() {
    let longest = vec![0x61; sizes::PASSPHRASE_MAX];
    let too_long = vec![0x61; sizes::PASSPHRASE_MAX + 1];
    assert!(ClientLogin::start(&longest).is_ok());
    for refused in [&too_long[..], b""] {
        assert_eq!(ClientLogin::start(refused).err(), Some(Error::PassphraseLength));
        assert_eq!(
            ClientRegistration::start(refused).err(),
            Some(Error::PassphraseLength)
        );
    }
}
