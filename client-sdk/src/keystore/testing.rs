//! Keystores for tests.

use sealpost_opaque::ksf::FLOOR;
use sealpost_protocol::ids::AccountId;

use super::{Content, RecoveryCode, RelayPin, SealedKeystore, SlotKey};
use crate::entropy;
use crate::identity::Identity;

pub(crate) const ACCOUNT: AccountId = AccountId::new([3; 16]);

pub(crate) fn content() -> Content {
    let relay = RelayPin {
        opaque_public_key: [4; 32],
        ksf: FLOOR,
    };
    Content::new(Identity::generate(&mut entropy::system()), relay)
}

pub(crate) fn recovery_slot(account_id: AccountId) -> (RecoveryCode, SlotKey) {
    let code = RecoveryCode::generate(&mut entropy::system());
    let key = SlotKey::from_recovery_code(&code, account_id);
    (code, key)
}

/// A keystore that has seen `number - 1` changes.
pub(crate) fn sealed_of_generation(number: u64) -> SealedKeystore {
    let mut rng = entropy::system();
    let (_, passphrase) = recovery_slot(ACCOUNT);
    let (_, recovery) = recovery_slot(ACCOUNT);
    let mut sealed = SealedKeystore::create(ACCOUNT, &content(), &passphrase, &recovery, &mut rng);
    for _ in 1..number {
        let opened = sealed.open(&recovery).unwrap();
        sealed = sealed.with_content(&opened.root_key, &opened.content, &mut rng);
    }
    sealed
}
