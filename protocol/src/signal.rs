//! Ephemeral signals: signed and sealed like events, never stored.

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::canonical::{decode_canonical, encode};
use crate::event::EventError;
use crate::hash::{Label, sha256};
use crate::ids::{KeyId, PrincipalId, SpaceId, WriterId};
use crate::keys::{KeyError, PublicKey, sign};
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
}
