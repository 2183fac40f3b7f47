//! Checkpoints: the relay's signed word on what a log is, which it cannot take back.

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::canonical::{NotCanonical, decode_canonical, encode};
use crate::hash::Label;
use crate::ids::{IdError, Incarnation, Root, SpaceId};
use crate::keys::{KeyError, PublicKey, sign};
use crate::root::Cursor;
use crate::{VERSION, wire};

/// A checkpoint that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Has a second encoding or unknown fields.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Of a version this code does not know.
    #[error("checkpoint version {0} is not known; update this program")]
    Version(u32),
    /// An id in it has the wrong length.
    #[error("in the checkpoint, {0}")]
    Id(#[from] IdError),
    /// Not by this key.
    #[error("the checkpoint is not signed by the relay's checkpoint key")]
    Signature(#[from] KeyError),
}

/// That a relay, in one life of its database, had this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The space.
    pub space_id: SpaceId,
    /// The life of the database. After a restore a log may be another one.
    pub incarnation: Incarnation,
    /// A place of the log, and the root there.
    pub at: Cursor,
}

impl Checkpoint {
    /// Parses a checkpoint and checks that it is signed by `key`.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn verify(signed: &wire::SignedCheckpoint, key: &PublicKey) -> Result<Self, CheckpointError> {
        key.verify(Label::CHECKPOINT, &[&signed.checkpoint], &signed.signature)?;
        Self::parse(&signed.checkpoint)
    }

    fn parse(bytes: &Bytes) -> Result<Self, CheckpointError> {
        let checkpoint: wire::Checkpoint = decode_canonical(bytes)?;
        if checkpoint.version != VERSION {
            return Err(CheckpointError::Version(checkpoint.version));
        }
        Ok(Self {
            space_id: SpaceId::try_from(&checkpoint.space_id[..])?,
            incarnation: Incarnation::try_from(&checkpoint.incarnation[..])?,
            at: Cursor {
                seq: checkpoint.seq,
                root: Root::try_from(&checkpoint.root[..])?,
            },
        })
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> wire::SignedCheckpoint {
        let checkpoint = encode(&wire::Checkpoint {
            version: VERSION,
            space_id: self.space_id.to_bytes(),
            incarnation: self.incarnation.to_bytes(),
            seq: self.at.seq,
            root: self.at.root.to_bytes(),
        });
        let signature = Bytes::copy_from_slice(&sign(key, Label::CHECKPOINT, &[&checkpoint]));
        wire::SignedCheckpoint {
            checkpoint,
            signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_relay_signed_is_its_word() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let checkpoint = Checkpoint {
            space_id: SpaceId::new([2; 32]),
            incarnation: Incarnation::new([3; 16]),
            at: Cursor {
                seq: 7,
                root: Root::new([4; 32]),
            },
        };
        let signed = checkpoint.sign(&key);
        let public = PublicKey::of(&key);
        assert_eq!(Checkpoint::verify(&signed, &public), Ok(checkpoint));
        let other = PublicKey::of(&SigningKey::from_bytes(&[5; 32]));
        assert!(Checkpoint::verify(&signed, &other).is_err());
        for at in 0..signed.checkpoint.len() {
            let mut changed = signed.checkpoint.to_vec();
            changed[at] ^= 1;
            let changed = wire::SignedCheckpoint {
                checkpoint: changed.into(),
                ..signed.clone()
            };
            assert!(Checkpoint::verify(&changed, &public).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_second_encoding_and_another_version_are_refused_whoever_signed_them() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let resign = |checkpoint: Vec<u8>| {
            let signature = sign(&key, Label::CHECKPOINT, &[&checkpoint]).to_vec().into();
            let signed = wire::SignedCheckpoint {
                checkpoint: checkpoint.into(),
                signature,
            };
            Checkpoint::verify(&signed, &PublicKey::of(&key))
        };
        let checkpoint = wire::Checkpoint {
            version: 2,
            space_id: Bytes::from_static(&[2; 32]),
            incarnation: Bytes::from_static(&[3; 16]),
            seq: 7,
            root: Bytes::from_static(&[4; 32]),
        };
        assert_eq!(
            resign(encode(&checkpoint).to_vec()),
            Err(CheckpointError::Version(2))
        );
        let mut unknown_field = encode(&wire::Checkpoint {
            version: 1,
            ..checkpoint
        })
        .to_vec();
        unknown_field.extend_from_slice(&[0x78, 0x01]);
        assert_eq!(
            resign(unknown_field),
            Err(CheckpointError::NotCanonical(NotCanonical))
        );
    }
}
