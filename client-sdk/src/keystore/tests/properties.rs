use proptest::prelude::*;
use sealpost_protocol::ids::{AccountId, EventId, PrincipalId, Root, SpaceId};
use sealpost_protocol::root::Cursor;

use crate::entropy;
use crate::keystore::content::VerifiedPlace;
use crate::keystore::slot::SlotKind;
use crate::keystore::testing::{ACCOUNT, content, recovery_slot};
use crate::keystore::{Content, KnownContact, KnownSpace, RecoveryCode, SealedKeystore, SlotKey};

struct Keys {
    passphrase: SlotKey,
    recovery: SlotKey,
}

impl Keys {
    fn new(account_id: AccountId) -> Self {
        let (_, recovery) = recovery_slot(account_id);
        Self {
            passphrase: SlotKey::derive(SlotKind::Passphrase, &[7; 64], account_id),
            recovery,
        }
    }

    fn seal(&self, account_id: AccountId, content: &Content) -> SealedKeystore {
        let mut rng = entropy::system();
        SealedKeystore::create(account_id, content, &self.passphrase, &self.recovery, &mut rng)
    }
}

fn place() -> impl Strategy<Value = VerifiedPlace> {
    (1..u64::MAX, any::<[u8; 32]>(), any::<u64>(), any::<[u8; 32]>()).prop_map(
        |(control_index, head, seq, root)| VerifiedPlace {
            control_index,
            control_head: EventId::new(head),
            cursor: Cursor {
                seq,
                root: Root::new(root),
            },
        },
    )
}

fn spaces() -> impl Strategy<Value = Vec<([u8; 32], KnownSpace)>> {
    let space = (
        any::<String>(),
        proptest::option::of(place()),
        proptest::option::of(any::<[u8; 32]>()),
        any::<bool>(),
    )
        .prop_map(|(name, verified, lost, waits_for_approval)| KnownSpace {
            name,
            verified,
            lost_with: lost.map(PrincipalId::new),
            waits_for_approval,
        });
    proptest::collection::vec((any::<[u8; 32]>(), space), 0..8)
}

fn contacts() -> impl Strategy<Value = Vec<([u8; 32], KnownContact)>> {
    let contact = (any::<String>(), any::<u64>()).prop_map(|(handle, confirmed_at_ms)| KnownContact {
        handle,
        confirmed_at_ms,
    });
    proptest::collection::vec((any::<[u8; 32]>(), contact), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_content_survives_sealing_by_either_slot(spaces in spaces(), contacts in contacts()) {
        let mut content = content();
        content.spaces = spaces.into_iter().map(|(id, space)| (SpaceId::new(id), space)).collect();
        content.contacts = contacts.into_iter().map(|(id, contact)| (PrincipalId::new(id), contact)).collect();
        let keys = Keys::new(ACCOUNT);
        let bytes = keys.seal(ACCOUNT, &content).to_bytes();
        for key in [&keys.passphrase, &keys.recovery] {
            let opened = SealedKeystore::parse(&bytes).unwrap().open(key).unwrap();
            prop_assert_eq!(opened.content.encode(), content.encode());
        }
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes: Vec<u8>) {
        prop_assert!(SealedKeystore::parse(&bytes).is_err());
        prop_assert!(Content::decode(&bytes).is_none());
    }
}

#[test]
fn one_flipped_bit_anywhere_closes_both_slots() {
    let keys = Keys::new(ACCOUNT);
    let bytes = keys.seal(ACCOUNT, &content()).to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(sealed) = SealedKeystore::parse(&flipped) else {
            continue;
        };
        assert!(sealed.open(&keys.passphrase).is_err(), "bit {bit}");
        assert!(sealed.open(&keys.recovery).is_err(), "bit {bit}");
    }
}

#[test]
fn cut_keystore_is_refused_at_every_length() {
    let keys = Keys::new(ACCOUNT);
    let bytes = keys.seal(ACCOUNT, &content()).to_bytes();
    for length in 0..bytes.len() {
        assert!(
            SealedKeystore::parse(&bytes[..length]).is_err(),
            "cut to {length}"
        );
    }
}

#[test]
fn sealing_twice_shares_no_bytes_but_the_header() {
    let keys = Keys::new(ACCOUNT);
    let content = content();
    let (one, two) = (keys.seal(ACCOUNT, &content), keys.seal(ACCOUNT, &content));
    assert_ne!(one.digest(), two.digest());
    assert_eq!(one.to_bytes().len(), two.to_bytes().len());
}

#[test]
fn changed_content_keeps_the_slots_and_raises_the_generation() {
    let keys = Keys::new(ACCOUNT);
    let sealed = keys.seal(ACCOUNT, &content());
    let mut opened = sealed.open(&keys.passphrase).unwrap();
    let space = KnownSpace {
        name: "garden".to_owned(),
        verified: None,
        lost_with: None,
        waits_for_approval: false,
    };
    opened.content.spaces.insert(SpaceId::new([9; 32]), space);
    let next = sealed.with_content(&opened.root_key, &opened.content, &mut entropy::system());
    assert_eq!(next.generation(), 2);
    let again = next.open(&keys.recovery).unwrap();
    assert_eq!(again.content.encode(), opened.content.encode());
}

#[test]
fn replaced_slot_opens_and_the_old_key_does_not() {
    let keys = Keys::new(ACCOUNT);
    let sealed = keys.seal(ACCOUNT, &content());
    let opened = sealed.open(&keys.passphrase).unwrap();
    let new = SlotKey::derive(SlotKind::Passphrase, &[8; 64], ACCOUNT);
    let next = sealed.with_slot(&opened, &new, &mut entropy::system());
    assert!(next.open(&new).is_ok());
    assert!(next.open(&keys.recovery).is_ok());
    assert!(next.open(&keys.passphrase).is_err());
}

#[test]
fn slot_key_of_another_account_does_not_open() {
    let code = RecoveryCode::generate(&mut entropy::system());
    let passphrase = SlotKey::derive(SlotKind::Passphrase, &[7; 64], ACCOUNT);
    let recovery = SlotKey::from_recovery_code(&code, ACCOUNT);
    let mut rng = entropy::system();
    let sealed = SealedKeystore::create(ACCOUNT, &content(), &passphrase, &recovery, &mut rng);
    let other = SlotKey::from_recovery_code(&code, AccountId::new([5; 16]));
    assert!(sealed.open(&recovery).is_ok());
    assert!(sealed.open(&other).is_err());
}

#[test]
fn sizes_of_small_contents_are_alike() {
    let keys = Keys::new(ACCOUNT);
    let empty = content();
    let mut full = content();
    let space = KnownSpace {
        name: "garden".to_owned(),
        verified: None,
        lost_with: None,
        waits_for_approval: false,
    };
    full.spaces.insert(SpaceId::new([9; 32]), space);
    let lengths = [empty, full].map(|content| keys.seal(ACCOUNT, &content).to_bytes().len());
    assert_eq!(lengths[0], lengths[1]);
}
