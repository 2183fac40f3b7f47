//! One unambiguous encoding for the context that a ciphertext is bound to.

/// Concatenates `fields`, each behind its length, so that no two lists of fields give the same bytes.
pub(super) fn length_prefixed(fields: &[&[u8]]) -> Vec<u8> {
    let total = fields.iter().map(|field| LENGTH_BYTES + field.len()).sum();
    let mut encoded = Vec::with_capacity(total);
    for field in fields {
        encoded.extend_from_slice(&(field.len() as u64).to_be_bytes());
        encoded.extend_from_slice(field);
    }
    encoded
}

const LENGTH_BYTES: usize = size_of::<u64>();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_moves_to_the_next_field_changes_the_encoding() {
        assert_ne!(length_prefixed(&[b"ab", b"c"]), length_prefixed(&[b"a", b"bc"]));
        assert_ne!(length_prefixed(&[b"ab"]), length_prefixed(&[b"ab", b""]));
    }

    #[test]
    fn encoding_is_big_endian_length_then_bytes() {
        assert_eq!(length_prefixed(&[b"hi"]), [0, 0, 0, 0, 0, 0, 0, 2, b'h', b'i']);
    }
}
