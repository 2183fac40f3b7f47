//! Control records: what changes membership or epoch. The relay reads and enforces them; every client verifies them.

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::canonical::{NotCanonical, decode_canonical, encode};
use crate::hash::{Label, tagged_hash};
use crate::ids::{EventId, IdError, PrincipalId, Root, SpaceId};
use crate::keys::{KeyError, PublicKey, sign};
use crate::root::Cursor;
use crate::wire::{self, control_record::Body};
use crate::{VERSION, limits};

/// Bytes that are not a well-formed control record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Has a second encoding or unknown fields.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Of a version this code does not know.
    #[error("control record version {0} is not known; update this program")]
    Version(u32),
    /// An id has the wrong length.
    #[error("in the record, {0}")]
    Id(#[from] IdError),
    /// A field has a value that no encoder writes.
    #[error("the record's {0} is out of range")]
    Field(&'static str),
    /// Over [`limits::MAX_CONTROL_RECORD`].
    #[error("the record has {length} bytes, the limit is {}", limits::MAX_CONTROL_RECORD)]
    TooLarge {
        /// Its length in bytes.
        length: usize,
    },
}

/// Where a record stands in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The first record; its hash is the space id.
    Genesis,
    /// Any other record.
    Next {
        /// The space it belongs to.
        space_id: SpaceId,
        /// 2, 3, 4 ...
        control_index: u64,
        /// Id of the record before.
        previous_head: EventId,
        /// How far the author had read and hashed the log itself.
        seen: Cursor,
    },
}

/// A well-formed control record whose signatures and rights have not been checked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedControl {
    /// Place in the chain.
    pub link: Link,
    /// Who wrote it.
    pub author: PrincipalId,
    /// What it changes.
    pub body: Body,
    record: Bytes,
    signature: Bytes,
    co_signature: Bytes,
    id: EventId,
}

impl ParsedControl {
    /// Parses a record.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn parse(control: &wire::SignedControl) -> Result<Self, ControlError> {
        if control.record.len() > limits::MAX_CONTROL_RECORD {
            return Err(ControlError::TooLarge {
                length: control.record.len(),
            });
        }
        check_signature_lengths(control)?;
        let record: wire::ControlRecord = decode_canonical(&control.record)?;
        if record.version != VERSION {
            return Err(ControlError::Version(record.version));
        }
        Ok(Self {
            link: parse_link(&record)?,
            author: PrincipalId::try_from(&record.author[..])?,
            body: record.body.ok_or(ControlError::Field("body"))?,
            record: control.record.clone(),
            signature: control.signature.clone(),
            co_signature: control.co_signature.clone(),
            id: EventId::new(tagged_hash(Label::CONTROL_ID, &[&control.record])),
        })
    }

    /// The record's id, which is the control head after it.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The space this record belongs to; for a genesis record, the space it makes.
    #[must_use]
    pub fn space_id(&self) -> SpaceId {
        match self.link {
            Link::Genesis => SpaceId::new(tagged_hash(Label::SPACE_ID, &[&self.record])),
            Link::Next { space_id, .. } => space_id,
        }
    }

    /// Checks the author's signature.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`].
    pub fn verify(&self, author: &PublicKey) -> Result<(), KeyError> {
        author.verify(Label::CONTROL, &[&self.record], &self.signature)
    }

    /// Checks the second signature, where the body asks for one.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`].
    pub fn verify_co_signature(&self, co_signer: &PublicKey) -> Result<(), KeyError> {
        co_signer.verify(Label::CONTROL_CO, &[&self.record], &self.co_signature)
    }

    /// Whether it carries a second signature, checked or not.
    #[must_use]
    pub fn is_co_signed(&self) -> bool {
        !self.co_signature.is_empty()
    }

    /// The record as it travels.
    #[must_use]
    pub fn to_wire(&self) -> wire::SignedControl {
        wire::SignedControl {
            record: self.record.clone(),
            signature: self.signature.clone(),
            co_signature: self.co_signature.clone(),
        }
    }
}

/// Signs a record.
#[must_use]
pub fn sign_control(link: &Link, author: &PrincipalId, body: Body, key: &SigningKey) -> wire::SignedControl {
    let record = encode(&to_record(link, author, body));
    let signature = Bytes::copy_from_slice(&sign(key, Label::CONTROL, &[&record]));
    wire::SignedControl {
        record,
        signature,
        co_signature: Bytes::new(),
    }
}

/// Adds the second signature to a record.
#[must_use]
pub fn co_sign_control(control: wire::SignedControl, key: &SigningKey) -> wire::SignedControl {
    let co_signature = Bytes::copy_from_slice(&sign(key, Label::CONTROL_CO, &[&control.record]));
    wire::SignedControl {
        co_signature,
        ..control
    }
}

fn to_record(link: &Link, author: &PrincipalId, body: Body) -> wire::ControlRecord {
    let record = wire::ControlRecord {
        version: VERSION,
        author: author.to_bytes(),
        body: Some(body),
        ..wire::ControlRecord::default()
    };
    match link {
        Link::Genesis => wire::ControlRecord {
            control_index: 1,
            ..record
        },
        Link::Next {
            space_id,
            control_index,
            previous_head,
            seen,
        } => wire::ControlRecord {
            space_id: space_id.to_bytes(),
            control_index: *control_index,
            previous_head: previous_head.to_bytes(),
            seen_seq: seen.seq,
            seen_root: seen.root.to_bytes(),
            ..record
        },
    }
}

fn parse_link(record: &wire::ControlRecord) -> Result<Link, ControlError> {
    match (record.control_index, &record.body) {
        (0, _) => Err(ControlError::Field("control index")),
        (1, Some(Body::Genesis(_))) => parse_genesis_link(record),
        (1, _) | (_, Some(Body::Genesis(_))) => Err(ControlError::Field("body")),
        (control_index, _) => Ok(Link::Next {
            space_id: SpaceId::try_from(&record.space_id[..])?,
            control_index,
            previous_head: EventId::try_from(&record.previous_head[..])?,
            seen: Cursor {
                seq: record.seen_seq,
                root: Root::try_from(&record.seen_root[..])?,
            },
        }),
    }
}

fn parse_genesis_link(record: &wire::ControlRecord) -> Result<Link, ControlError> {
    let alone = record.space_id.is_empty()
        && record.previous_head.is_empty()
        && record.seen_seq == 0
        && record.seen_root.is_empty();
    alone
        .then_some(Link::Genesis)
        .ok_or(ControlError::Field("genesis link"))
}

fn check_signature_lengths(control: &wire::SignedControl) -> Result<(), ControlError> {
    let co_signed = matches!(control.co_signature.len(), 0 | limits::SIGNATURE);
    let signed = control.signature.len() == limits::SIGNATURE;
    (signed && co_signed)
        .then_some(())
        .ok_or(ControlError::Field("signature"))
}
