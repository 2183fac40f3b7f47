use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::identity::Identity;
use crate::secret::SecretKey;

const SPACE: SpaceId = SpaceId::new([7; 32]);

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn key(epoch: u64) -> EpochKey {
    EpochKey::generate(SPACE, epoch, &mut StdRng::seed_from_u64(epoch))
}

fn member(seed: u8) -> Identity {
    Identity::from_seeds(SecretKey::from([seed; 32]), SecretKey::from([seed; 32]))
}

fn wrap_for_alice() -> (EpochKey, Identity, Bytes) {
    let (key, alice) = (key(1), member(1));
    let sealed = seal_wrap(&key, alice.manifest(), &mut rng()).unwrap();
    (key, alice, sealed)
}

#[test]
fn nothing_is_sealed_to_a_key_whose_x25519_half_is_weak_or_has_a_second_form() {
    let alice = member(1);
    let honest = alice.manifest().hpke_key();
    usable_key(honest).unwrap();
    let low_order = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let second_forms = [
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0900000000000000000000000000000000000000000000000000000000000080",
    ];
    for point in low_order.iter().chain(&second_forms) {
        let mut key = honest.to_vec();
        let half = key.len() - 32;
        key[half..].copy_from_slice(&hex::decode(point).unwrap());
        assert_eq!(usable_key(&key).err(), Some(WrapError::RecipientKey), "{point}");
    }
    for wrong in [&honest[..honest.len() - 1], &[], &[0xff; 1216]] {
        assert_eq!(usable_key(wrong).err(), Some(WrapError::RecipientKey));
    }
}

#[test]
fn derived_values_match_their_vectors() {
    let secret = EpochSecret::from_slice(&[9; 32]).unwrap();
    // HKDF-SHA256(ikm = 09*32, no salt, info = framed(label, 07*32, u64be 3)), computed with Python's hmac module.
    let expected = [
        (
            Label::KEY_ID,
            "008b6051853b0a6dda2bcc94d262b5146ef1cf0f4e97894b3dc650334ed6a0a4",
        ),
        (
            Label::CONTENT_KEY,
            "169616ffce903290ab6a83b23c6edca689b86b55c2e76084cfe7c0b6936fb219",
        ),
        (
            Label::SIGNAL_KEY,
            "200c973e8d7491c8b556130f1a0ab442d75d48fd48b6f7f18536ed601debbfc0",
        ),
        (
            Label::HISTORY_KEY,
            "a4d9acee63d714dd3ab9f516cda2cec68403cf8ef189b4038d398d2e35a8e94f",
        ),
    ];
    for (label, hex) in expected {
        assert_eq!(
            hex::encode(*secret.derive(label, &SPACE, 3)),
            hex,
            "{}",
            label.as_str()
        );
    }
}

#[test]
fn wrap_opens_for_its_recipient() {
    let (key, alice, sealed) = wrap_for_alice();
    assert_eq!(sealed.len(), limits::WRAP);
    let opened = open_wrap(&sealed, key.at(), &alice).ok().unwrap();
    assert_eq!(opened.secret().expose_secret(), key.secret().expose_secret());
}

#[test]
fn wrap_for_another_member_epoch_space_or_key_id_does_not_open() {
    let (key, alice, sealed) = wrap_for_alice();
    let at = *key.at();
    let cases = [
        EpochRef { epoch: 2, ..at },
        EpochRef {
            space_id: SpaceId::new([8; 32]),
            ..at
        },
        EpochRef {
            key_id: KeyId::new([0; 32]),
            ..at
        },
    ];
    for other in cases {
        assert_eq!(
            open_wrap(&sealed, &other, &alice).err(),
            Some(WrapError::DoesNotOpen)
        );
    }
    let bob = open_wrap(&sealed, &at, &member(2)).err();
    assert_eq!(bob, Some(WrapError::DoesNotOpen));
}

#[test]
fn wrap_changed_in_any_part_or_cut_does_not_open() {
    let (key, alice, sealed) = wrap_for_alice();
    for at in [0, 1087, 1088, 1119, 1120, 1151, 1152, 1167] {
        let mut changed = sealed.to_vec();
        changed[at] ^= 1;
        let result = open_wrap(&changed, key.at(), &alice).err();
        assert_eq!(result, Some(WrapError::DoesNotOpen), "byte {at}");
    }
    for cut in [&sealed[..limits::WRAP - 1], &[]] {
        assert_eq!(
            open_wrap(cut, key.at(), &alice).err(),
            Some(WrapError::DoesNotOpen)
        );
    }
}

#[test]
fn wrap_of_a_secret_that_the_chain_does_not_name_is_refused() {
    // A relay knows all public parts, so it can seal a secret of its own under the right info.
    let (named, alice) = (key(1), member(1));
    let forged = EpochKey::of(*named.at(), EpochSecret::from_slice(&[3; 32]).unwrap());
    let sealed = seal_wrap(&forged, alice.manifest(), &mut rng()).unwrap();
    let result = open_wrap(&sealed, named.at(), &alice).err();
    assert_eq!(result, Some(WrapError::WrongSecret(WrongSecret)));
}

#[test]
fn history_opens_to_the_previous_secret_only_in_its_place() {
    let (previous, next) = (key(1), key(2));
    let sealed = seal_previous(&next, &previous, &mut rng());
    assert_eq!(sealed.len(), limits::SEALED_PREVIOUS);
    let opened = open_previous(&next, previous.at(), &sealed).ok().unwrap();
    assert_eq!(opened.secret().expose_secret(), previous.secret().expose_secret());
    assert!(open_previous(&key(3), previous.at(), &sealed).is_err());
    let other = EpochRef {
        key_id: KeyId::new([1; 32]),
        ..*previous.at()
    };
    assert!(open_previous(&next, &other, &sealed).is_err());
    for at in [0, 24, 71] {
        let mut changed = sealed.to_vec();
        changed[at] ^= 1;
        assert!(
            open_previous(&next, previous.at(), &changed).is_err(),
            "byte {at}"
        );
    }
    assert!(open_previous(&next, previous.at(), &sealed[1..]).is_err());
}

#[test]
fn previous_secret_that_the_chain_does_not_name_is_refused() {
    let (named, next) = (key(1), key(2));
    let forged = EpochKey::of(*named.at(), EpochSecret::from_slice(&[3; 32]).unwrap());
    let sealed = seal_previous(&next, &forged, &mut rng());
    assert_eq!(open_previous(&next, named.at(), &sealed).err(), Some(WrongSecret));
}
