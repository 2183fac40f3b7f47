//! Signed, sealed events: parse, check, sign.

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::canonical::{NotCanonical, decode_canonical, encode};
use crate::hash::{Digest32, Label, sha256, tagged_hash};
use crate::ids::{EventId, IdError, KeyId, PrincipalId, Root, SpaceId, WriterId};
use crate::keys::{KeyError, PublicKey, sign};
use crate::root::Cursor;
use crate::wire::{self, EventClass};
use crate::{VERSION, limits};

/// Bytes that are not a well-formed event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The header has a second encoding or unknown fields.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Of a version this code does not know.
    #[error("event version {0} is not known; update this program")]
    Version(u32),
    /// An id in the header has the wrong length.
    #[error("in the header, {0}")]
    Id(#[from] IdError),
    /// A field has a value that no encoder writes.
    #[error("the header's {0} is out of range")]
    Field(&'static str),
    /// Header or ciphertext is over its limit.
    #[error("the {what} has {length} bytes, the limit is {limit}")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// What an author says of an event, apart from its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHeader {
    /// The space whose log it belongs to.
    pub space_id: SpaceId,
    /// The epoch whose secret sealed it.
    pub epoch: u64,
    /// The commitment to that secret.
    pub key_id: KeyId,
    /// The author.
    pub principal_id: PrincipalId,
    /// The author's install.
    pub writer_id: WriterId,
    /// 1, 2, 3 ... in that writer's chain.
    pub writer_index: u64,
    /// The writer's event before; `None` at index 1.
    pub previous_event_id: Option<EventId>,
    /// Index of the last control record the author knew.
    pub control_index: u64,
    /// Its id.
    pub control_head: EventId,
    /// How far the author had read and hashed the log itself.
    pub seen: Cursor,
    /// Nonce of the ciphertext.
    pub nonce: [u8; limits::NONCE],
}

impl EventHeader {
    /// Parses the canonical bytes of a header.
    ///
    /// # Errors
    /// See [`EventError`].
    pub fn parse(bytes: &Bytes) -> Result<Self, EventError> {
        check_size("header", bytes.len(), limits::MAX_HEADER)?;
        let header: wire::EventHeader = decode_canonical(bytes)?;
        if header.version != VERSION {
            return Err(EventError::Version(header.version));
        }
        if header.class() != EventClass::Content {
            return Err(EventError::Field("class"));
        }
        Ok(Self {
            space_id: SpaceId::try_from(&header.space_id[..])?,
            epoch: nonzero("epoch", header.epoch)?,
            key_id: KeyId::try_from(&header.key_id[..])?,
            principal_id: PrincipalId::try_from(&header.principal_id[..])?,
            writer_id: WriterId::try_from(&header.writer_id[..])?,
            writer_index: nonzero("writer index", header.writer_index)?,
            previous_event_id: parse_previous(header.writer_index, &header.previous_event_id)?,
            control_index: nonzero("control index", header.control_index)?,
            control_head: EventId::try_from(&header.control_head[..])?,
            seen: Cursor {
                seq: header.seen_seq,
                root: Root::try_from(&header.seen_root[..])?,
            },
            nonce: header.nonce[..]
                .try_into()
                .map_err(|_| EventError::Field("nonce"))?,
        })
    }

    /// The header's one encoding.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode(&wire::EventHeader {
            version: VERSION,
            space_id: self.space_id.to_bytes(),
            epoch: self.epoch,
            key_id: self.key_id.to_bytes(),
            principal_id: self.principal_id.to_bytes(),
            writer_id: self.writer_id.to_bytes(),
            writer_index: self.writer_index,
            previous_event_id: self.previous_event_id.map(|id| id.to_bytes()).unwrap_or_default(),
            control_index: self.control_index,
            control_head: self.control_head.to_bytes(),
            seen_seq: self.seen.seq,
            seen_root: self.seen.root.to_bytes(),
            class: EventClass::Content.into(),
            nonce: Bytes::copy_from_slice(&self.nonce),
        })
    }
}

/// A well-formed event whose signature has not been checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedEvent {
    /// What its author says.
    pub header: EventHeader,
    header_bytes: Bytes,
    ciphertext: Option<Bytes>,
    ciphertext_hash: Digest32,
    signature: Bytes,
    id: EventId,
}

impl ParsedEvent {
    /// Parses an event; hashes its ciphertext, or takes the hash that retention left in its place.
    ///
    /// # Errors
    /// See [`EventError`].
    pub fn parse(event: &wire::SignedEvent) -> Result<Self, EventError> {
        let header = EventHeader::parse(&event.header)?;
        if event.signature.len() != limits::SIGNATURE {
            return Err(EventError::Field("signature"));
        }
        let (ciphertext, ciphertext_hash) = parse_ciphertext(event)?;
        let id = EventId::new(tagged_hash(Label::EVENT_ID, &[&event.header, &ciphertext_hash]));
        Ok(Self {
            header,
            header_bytes: event.header.clone(),
            ciphertext,
            ciphertext_hash,
            signature: event.signature.clone(),
            id,
        })
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`] if `author` did not sign exactly this.
    pub fn verify(self, author: &PublicKey) -> Result<VerifiedEvent, KeyError> {
        author.verify(
            Label::EVENT,
            &[&self.header_bytes, &self.ciphertext_hash],
            &self.signature,
        )?;
        Ok(VerifiedEvent(self))
    }

    /// Takes the signature for checked, for who checked it before it stored the event and knows by the authenticity of
    /// its own storage that these are the same bytes.
    #[must_use]
    pub fn verified_before(self) -> VerifiedEvent {
        VerifiedEvent(self)
    }

    /// The event's id.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The header's bytes: the associated data of the ciphertext.
    #[must_use]
    pub fn header_bytes(&self) -> &Bytes {
        &self.header_bytes
    }

    /// The ciphertext, unless retention dropped it.
    #[must_use]
    pub fn ciphertext(&self) -> Option<&Bytes> {
        self.ciphertext.as_ref()
    }

    /// The event as it travels.
    #[must_use]
    pub fn to_wire(&self) -> wire::SignedEvent {
        let dropped = Bytes::copy_from_slice(&self.ciphertext_hash);
        wire::SignedEvent {
            header: self.header_bytes.clone(),
            ciphertext: self.ciphertext.clone().unwrap_or_default(),
            signature: self.signature.clone(),
            ciphertext_hash: if self.ciphertext.is_some() {
                Bytes::new()
            } else {
                dropped
            },
        }
    }
}

/// An event whose author really signed it. Whether its place allows it is the fold's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEvent(ParsedEvent);

impl VerifiedEvent {
    /// The event, for who knows by other means that it was verified.
    #[must_use]
    pub fn into_parsed(self) -> ParsedEvent {
        self.0
    }
}

impl std::ops::Deref for VerifiedEvent {
    type Target = ParsedEvent;

    fn deref(&self) -> &ParsedEvent {
        &self.0
    }
}

/// Signs an event.
#[must_use]
pub fn sign_event(header: &EventHeader, ciphertext: Bytes, key: &SigningKey) -> wire::SignedEvent {
    let header = header.encode();
    let signature = sign(key, Label::EVENT, &[&header, &sha256(&ciphertext)]);
    wire::SignedEvent {
        header,
        ciphertext,
        signature: Bytes::copy_from_slice(&signature),
        ciphertext_hash: Bytes::new(),
    }
}

/// What is left of `event` once retention has dropped its ciphertext.
#[must_use]
pub fn without_ciphertext(event: &wire::SignedEvent) -> wire::SignedEvent {
    if event.ciphertext.is_empty() {
        return event.clone();
    }
    let ciphertext_hash = Bytes::copy_from_slice(&sha256(&event.ciphertext));
    wire::SignedEvent {
        ciphertext: Bytes::new(),
        ciphertext_hash,
        ..event.clone()
    }
}

fn parse_ciphertext(event: &wire::SignedEvent) -> Result<(Option<Bytes>, Digest32), EventError> {
    check_size("ciphertext", event.ciphertext.len(), limits::MAX_EVENT_CIPHERTEXT)?;
    if event.ciphertext_hash.is_empty() {
        if event.ciphertext.len() < limits::TAG {
            return Err(EventError::Field("ciphertext"));
        }
        return Ok((Some(event.ciphertext.clone()), sha256(&event.ciphertext)));
    }
    let hash = event.ciphertext_hash[..]
        .try_into()
        .map_err(|_| EventError::Field("ciphertext hash"))?;
    if event.ciphertext.is_empty() {
        Ok((None, hash))
    } else {
        Err(EventError::Field("ciphertext hash"))
    }
}

fn parse_previous(writer_index: u64, bytes: &[u8]) -> Result<Option<EventId>, EventError> {
    match (writer_index, bytes.is_empty()) {
        (1, true) => Ok(None),
        (1, false) => Err(EventError::Field("previous event id")),
        _ => Ok(Some(EventId::try_from(bytes)?)),
    }
}

fn nonzero(what: &'static str, value: u64) -> Result<u64, EventError> {
    if value == 0 {
        Err(EventError::Field(what))
    } else {
        Ok(value)
    }
}

fn check_size(what: &'static str, length: usize, limit: usize) -> Result<(), EventError> {
    if length > limit {
        Err(EventError::TooLarge { what, length, limit })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
