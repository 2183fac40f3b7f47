//! Receipts: the relay's own proof that it once put (seq, root) in a space, or that it took the record which deleted one.

use hmac::{Hmac, KeyInit, Mac};
use sealpost_protocol::hash::{Label, framed};
use sealpost_protocol::ids::{Receipt, SpaceId};
use sealpost_protocol::receipt::receipt_input;
use sealpost_protocol::root::Cursor;
use sha2::Sha256;
use tokio::sync::OnceCell;

use crate::atrest::{DataKeyError, DataKeys, KeyScope};

/// The receipt key, fetched when it is first needed and kept: an outage of the key service must not end receipts.
#[derive(Default)]
pub(super) struct Receipts {
    key: OnceCell<ReceiptKey>,
}

impl Receipts {
    /// The key; created once in the life of a database.
    pub(super) async fn key(&self, data_keys: &DataKeys) -> Result<&ReceiptKey, DataKeyError> {
        self.key
            .get_or_try_init(async || {
                let key = data_keys.open_or_create(KeyScope::Receipt).await?;
                Ok(ReceiptKey::new(key.expose_bytes()))
            })
            .await
    }

    /// The key, if it was fetched.
    pub(super) fn known(&self) -> Option<&ReceiptKey> {
        self.key.get()
    }
}

/// Makes and checks receipts.
pub(super) struct ReceiptKey(Hmac<Sha256>);

impl ReceiptKey {
    fn new(bytes: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(bytes).expect("HMAC takes keys of any length"))
    }

    /// The receipt for a place.
    pub(super) fn issue(&self, space_id: &SpaceId, place: &Cursor) -> Receipt {
        let mac = self.0.clone().chain_update(receipt_input(space_id, place));
        Receipt::new(mac.finalize().into_bytes().into())
    }

    /// Whether [`Self::issue`] made this receipt.
    pub(super) fn issued(&self, space_id: &SpaceId, place: &Cursor, receipt: &Receipt) -> bool {
        let mac = self.0.clone().chain_update(receipt_input(space_id, place));
        mac.verify_slice(receipt.as_bytes()).is_ok()
    }

    /// The proof that this record deleted the space.
    pub(super) fn prove_shred(&self, space_id: &SpaceId, record: &[u8]) -> [u8; 32] {
        let mac = self.0.clone().chain_update(shred_input(space_id, record));
        mac.finalize().into_bytes().into()
    }

    /// Whether [`Self::prove_shred`] made this proof.
    pub(super) fn proves_shred(&self, space_id: &SpaceId, record: &[u8], proof: &[u8; 32]) -> bool {
        let mac = self.0.clone().chain_update(shred_input(space_id, record));
        mac.verify_slice(proof).is_ok()
    }
}

fn shred_input(space_id: &SpaceId, record: &[u8]) -> Vec<u8> {
    framed(Label::SHRED, &[space_id.as_bytes(), record])
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::ids::Root;

    use super::*;

    #[test]
    fn a_receipt_is_for_one_place_of_one_space() {
        let key = ReceiptKey::new(&[1; 32]);
        let place = |seq, root| Cursor {
            seq,
            root: Root::new([root; 32]),
        };
        let space = SpaceId::new([2; 32]);
        let receipt = key.issue(&space, &place(3, 4));
        assert_eq!(receipt, key.issue(&space, &place(3, 4)));
        assert!(key.issued(&space, &place(3, 4), &receipt));
        assert!(!key.issued(&space, &place(3, 5), &receipt));
        assert_ne!(receipt, key.issue(&SpaceId::new([3; 32]), &place(3, 4)));
        assert_ne!(receipt, key.issue(&space, &place(4, 4)));
        assert_ne!(receipt, key.issue(&space, &place(3, 5)));
        assert_ne!(receipt, ReceiptKey::new(&[2; 32]).issue(&space, &place(3, 4)));
    }

    #[test]
    fn a_deletion_is_proven_for_one_record_of_one_space() {
        let key = ReceiptKey::new(&[1; 32]);
        let space = SpaceId::new([2; 32]);
        let proof = key.prove_shred(&space, b"record");
        assert!(key.proves_shred(&space, b"record", &proof));
        assert!(!key.proves_shred(&SpaceId::new([3; 32]), b"record", &proof));
        assert!(!key.proves_shred(&space, b"another", &proof));
        assert!(!ReceiptKey::new(&[2; 32]).proves_shred(&space, b"record", &proof));
    }
}
