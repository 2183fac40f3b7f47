//! One hash over where every space stands.

use sealpost_protocol::ids::SpaceId;
use sha2::{Digest, Sha256};

/// Says what is hashed, so that nothing else ever gives the same bytes.
const LABEL: &[u8] = b"sealpost/v1/backup-heads";

/// Hashes the heads of all spaces, which have to come in the order of their ids.
pub struct HeadsHasher {
    hash: Sha256,
    spaces: u64,
}

/// How many spaces have entries, and the hash of all their heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Spaces with at least one entry.
    pub spaces: u64,
    /// SHA-256 over a label and (space id, seq, root) of each.
    pub root: [u8; 32],
}

impl Default for HeadsHasher {
    fn default() -> Self {
        Self {
            hash: Sha256::new().chain_update(LABEL),
            spaces: 0,
        }
    }
}

impl HeadsHasher {
    /// Takes the head of the next space.
    pub fn add(&mut self, space_id: &SpaceId, seq: u64, root: &[u8; 32]) {
        self.hash.update(space_id.as_bytes());
        self.hash.update(seq.to_be_bytes());
        self.hash.update(root);
        self.spaces += 1;
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> Heads {
        Heads {
            spaces: self.spaces,
            root: self.hash.finalize().into(),
        }
    }
}
