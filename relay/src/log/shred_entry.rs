//! An entry of the shred ledger: the record that deleted a space, and the relay's proof that it took it.
//!
//! The proof outlives the chain that the record was judged by: who deleted the space may have got the right to do so after the
//! backup that a restore goes back to.

use bytes::Bytes;
use sealpost_protocol::ids::SpaceId;

use super::receipts::ReceiptKey;

/// What an entry with a proof begins with. Older ones are the record alone, which begins otherwise.
const BEGIN: &[u8] = b"sealpost-shred:1\n";

pub(super) struct ShredEntry {
    /// The signed record, encoded.
    pub(super) record: Bytes,
    proof: Option<[u8; 32]>,
}

impl ShredEntry {
    pub(super) fn encode(key: &ReceiptKey, space_id: &SpaceId, record: &[u8]) -> Bytes {
        [BEGIN, &key.prove_shred(space_id, record), record]
            .concat()
            .into()
    }

    /// Takes anything: whether it proves something is to be asked.
    pub(super) fn parse(bytes: &Bytes) -> Self {
        let proven = bytes
            .strip_prefix(BEGIN)
            .and_then(<[u8]>::split_first_chunk::<32>);
        match proven {
            Some((proof, record)) => Self {
                record: bytes.slice_ref(record),
                proof: Some(*proof),
            },
            None => Self {
                record: bytes.clone(),
                proof: None,
            },
        }
    }

    /// Whether a relay of this database deleted the space by that record.
    pub(super) fn is_proven(&self, key: &ReceiptKey, space_id: &SpaceId) -> bool {
        self.proof
            .is_some_and(|proof| key.proves_shred(space_id, &self.record, &proof))
    }
}
