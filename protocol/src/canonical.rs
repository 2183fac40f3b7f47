//! One encoding for signed bytes.

use bytes::Bytes;
use prost::Message;

/// Bytes that are not the one encoding of a message of the expected type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a canonical encoding: unknown field, field out of order, default written out, or trailing bytes"
)]
pub struct NotCanonical;

/// Decodes `bytes` and refuses them unless the result encodes to the very same bytes.
///
/// That rules out unknown fields, repeated fields, padded varints, written-out defaults and any other second form.
/// Length-delimited fields share `bytes`' buffer.
///
/// # Errors
/// [`NotCanonical`] if the bytes do not decode or have another encoding.
pub fn decode_canonical<M: Message + Default>(bytes: &Bytes) -> Result<M, NotCanonical> {
    let message = M::decode(bytes.clone()).map_err(|_| NotCanonical)?;
    if message.encoded_len() == bytes.len() && message.encode_to_vec() == *bytes {
        Ok(message)
    } else {
        Err(NotCanonical)
    }
}

/// The one encoding of `message`.
#[must_use]
pub fn encode<M: Message>(message: &M) -> Bytes {
    message.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    fn sample() -> Bytes {
        encode(&wire::RemoveMember {
            principal_id: Bytes::from_static(&[7; 32]),
        })
    }

    #[test]
    fn own_encoding_is_accepted() {
        assert!(decode_canonical::<wire::RemoveMember>(&sample()).is_ok());
    }

    #[test]
    fn unknown_field_is_refused() {
        let mut bytes = sample().to_vec();
        bytes.extend_from_slice(&[0x78, 0x01]);
        assert_eq!(
            decode_canonical::<wire::RemoveMember>(&bytes.into()),
            Err(NotCanonical)
        );
    }

    #[test]
    fn repeated_field_is_refused() {
        let bytes = [sample(), sample()].concat();
        assert_eq!(
            decode_canonical::<wire::RemoveMember>(&bytes.into()),
            Err(NotCanonical)
        );
    }

    #[test]
    fn padded_varint_and_written_default_are_refused() {
        for bytes in [&[0x08, 0x81, 0x00][..], &[0x08, 0x00]] {
            let bytes = Bytes::copy_from_slice(bytes);
            assert_eq!(decode_canonical::<wire::Unsubscribe>(&bytes), Err(NotCanonical));
        }
    }
}
