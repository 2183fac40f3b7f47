//! Ephemeral signals: signed and sealed like events, never stored.

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::canonical::{decode_canonical, encode};
use crate::event::EventError;
use crate::hash::{Label, sha256};
use crate::ids::{KeyId, PrincipalId, SpaceId, WriterId};
use crate::keys::{KeyError, PublicKey, sign};
use crate::padding::{pad, unpad};
use crate::wire::signal_content::Kind;
use crate::{VERSION, limits, wire};

/// What the author of a signal says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalHeader {
    /// The space whose live subscribers get it.
    pub space_id: SpaceId,
    /// The epoch whose secret sealed it.
    pub epoch: u64,
    /// The commitment to that secret.
    pub key_id: KeyId,
    /// The author.
    pub principal_id: PrincipalId,
    /// The author's install.
    pub writer_id: WriterId,
    /// Rises with every signal of (space, principal, writer, epoch); a receiver refuses one that does not.
    pub counter: u64,
    /// Nonce of the ciphertext.
    pub nonce: [u8; limits::NONCE],
}

impl SignalHeader {
    /// Parses the canonical bytes of a header.
    ///
    /// # Errors
    /// See [`EventError`].
    pub fn parse(bytes: &Bytes) -> Result<Self, EventError> {
        if bytes.len() > limits::MAX_HEADER {
            return Err(EventError::TooLarge {
                what: "header",
                length: bytes.len(),
                limit: limits::MAX_HEADER,
            });
        }
        let header: wire::SignalHeader = decode_canonical(bytes)?;
        if header.version != VERSION {
            return Err(EventError::Version(header.version));
        }
        Ok(Self {
            space_id: SpaceId::try_from(&header.space_id[..])?,
            epoch: header.epoch,
            key_id: KeyId::try_from(&header.key_id[..])?,
            principal_id: PrincipalId::try_from(&header.principal_id[..])?,
            writer_id: WriterId::try_from(&header.writer_id[..])?,
            counter: header.counter,
            nonce: header.nonce[..]
                .try_into()
                .map_err(|_| EventError::Field("nonce"))?,
        })
    }

    /// The header's one encoding.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode(&wire::SignalHeader {
            version: VERSION,
            space_id: self.space_id.to_bytes(),
            epoch: self.epoch,
            key_id: self.key_id.to_bytes(),
            principal_id: self.principal_id.to_bytes(),
            writer_id: self.writer_id.to_bytes(),
            counter: self.counter,
            nonce: Bytes::copy_from_slice(&self.nonce),
        })
    }
}

/// Signs a signal.
#[must_use]
pub fn sign_signal(header: &SignalHeader, ciphertext: Bytes, key: &SigningKey) -> wire::SignedSignal {
    let header = header.encode();
    let signature = Bytes::copy_from_slice(&sign(key, Label::SIGNAL, &[&header, &sha256(&ciphertext)]));
    wire::SignedSignal {
        header,
        ciphertext,
        signature,
    }
}

/// Checks the signature of a signal whose header named the owner of `author`.
///
/// # Errors
/// [`KeyError::BadSignature`].
pub fn verify_signal(signal: &wire::SignedSignal, author: &PublicKey) -> Result<(), KeyError> {
    author.verify(
        Label::SIGNAL,
        &[&signal.header, &sha256(&signal.ciphertext)],
        &signal.signature,
    )
}

/// What a signal says, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalContent {
    /// Whatever an application says.
    Application(Bytes),
    /// How far the sender has verified the log: a checkpoint, not checked yet.
    Heartbeat(wire::SignedCheckpoint),
}

impl SignalContent {
    /// Its plaintext, padded.
    #[must_use]
    pub fn to_padded(&self) -> Vec<u8> {
        let kind = match self.clone() {
            Self::Application(body) => Kind::Application(body),
            Self::Heartbeat(checkpoint) => Kind::Heartbeat(wire::Heartbeat {
                checkpoint: Some(checkpoint),
            }),
        };
        pad(&encode(&wire::SignalContent { kind: Some(kind) }))
    }

    /// What an opened signal says; `None` if no encoder writes it.
    #[must_use]
    pub fn from_padded(padded: &[u8]) -> Option<Self> {
        let content = Bytes::copy_from_slice(unpad(padded).ok()?);
        let content: wire::SignalContent = decode_canonical(&content).ok()?;
        match content.kind? {
            Kind::Application(body) => Some(Self::Application(body)),
            Kind::Heartbeat(heartbeat) => heartbeat.checkpoint.map(Self::Heartbeat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signal_cannot_pass_as_an_event_of_the_same_bytes() {
        let key = SigningKey::from_bytes(&[4; 32]);
        let header = SignalHeader {
            space_id: SpaceId::new([1; 32]),
            epoch: 1,
            key_id: KeyId::new([2; 32]),
            principal_id: PrincipalId::new([3; 32]),
            writer_id: WriterId::new([4; 16]),
            counter: 1,
            nonce: [5; 24],
        };
        let signal = sign_signal(&header, Bytes::from_static(&[6; 32]), &key);
        let public = PublicKey::of(&key);
        assert_eq!(SignalHeader::parse(&signal.header), Ok(header));
        assert_eq!(verify_signal(&signal, &public), Ok(()));
        let parts: [&[u8]; 2] = [&signal.header, &sha256(&signal.ciphertext)];
        assert_eq!(
            public.verify(Label::EVENT, &parts, &signal.signature),
            Err(KeyError::BadSignature)
        );
    }

    #[test]
    fn what_is_sealed_in_a_signal_has_one_encoding() {
        let checkpoint = wire::SignedCheckpoint {
            checkpoint: Bytes::from_static(&[1; 40]),
            signature: Bytes::from_static(&[2; 64]),
        };
        for content in [
            SignalContent::Application(Bytes::from_static(b"typing")),
            SignalContent::Application(Bytes::new()),
            SignalContent::Heartbeat(checkpoint),
        ] {
            let padded = content.to_padded();
            assert_eq!(SignalContent::from_padded(&padded), Some(content));
            assert_eq!(padded.len(), crate::padding::MIN_PADDED, "they look alike");
        }
        for no_content in [pad(b""), pad(&[0x1a, 0]), pad(&[0x12, 0]), vec![0; 8]] {
            assert_eq!(SignalContent::from_padded(&no_content), None);
        }
    }
}
