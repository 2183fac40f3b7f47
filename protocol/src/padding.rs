//! Padmé: a length reveals O(log log n) bits, for at most 12 % more bytes.
//!
//! Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019.
//! Plaintexts are framed as `length (u32, big-endian) ‖ bytes ‖ zeros` and padded before they are sealed.

/// Smallest padded length, so that short messages are alike.
pub const MIN_PADDED: usize = 256;
const PREFIX: usize = 4;

/// Padded bytes whose framing is wrong. Nothing of them may be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the padding is not the one an encoder writes")]
pub struct BadPadding;

/// Length of a framed and padded plaintext of `length` bytes.
#[must_use]
pub fn padded_length(length: usize) -> usize {
    padme((length + PREFIX) as u64).max(MIN_PADDED as u64) as usize
}

/// Frames and pads `plaintext`; leaves room in the buffer for a tag.
///
/// # Panics
/// If `plaintext` is 4 GiB or longer; callers check their own, smaller limit first.
#[must_use]
pub fn pad(plaintext: &[u8]) -> Vec<u8> {
    let length = u32::try_from(plaintext.len()).expect("callers keep plaintexts under MAX_FRAME");
    let padded = padded_length(plaintext.len());
    let mut out = Vec::with_capacity(padded + crate::limits::TAG);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(plaintext);
    out.resize(padded, 0);
    out
}

/// The plaintext inside `padded`.
///
/// # Errors
/// [`BadPadding`] unless `padded` is exactly what [`pad`] makes of that plaintext.
pub fn unpad(padded: &[u8]) -> Result<&[u8], BadPadding> {
    let (prefix, rest) = padded.split_first_chunk::<PREFIX>().ok_or(BadPadding)?;
    let length = u32::from_be_bytes(*prefix) as usize;
    let (plaintext, zeros) = rest.split_at_checked(length).ok_or(BadPadding)?;
    let exact = padded.len() == padded_length(length) && zeros.iter().all(|byte| *byte == 0);
    exact.then_some(plaintext).ok_or(BadPadding)
}

/// Padmé of a length.
pub(crate) fn padme(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let mantissa_bits = exponent.ilog2() + 1;
    let mask = (1_u64 << (exponent - mantissa_bits.min(exponent))) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn padme_matches_the_paper() {
        // Section 4.4's example: a 9-byte input grows to 10.
        assert_eq!(
            [padme(9), padme(10), padme(1000), padme(1024), padme(1025)],
            [10, 10, 1024, 1024, 1088]
        );
    }

    #[test]
    fn non_zero_padding_and_lying_length_are_refused() {
        let mut padded = pad(b"hello");
        let last = padded.len() - 1;
        padded[last] = 1;
        assert_eq!(unpad(&padded), Err(BadPadding));
        let mut padded = pad(b"hello");
        padded[0] = 0xff;
        assert_eq!(unpad(&padded), Err(BadPadding));
        assert_eq!(unpad(&[]), Err(BadPadding));
        assert_eq!(unpad(&[0; 255]), Err(BadPadding));
    }

    proptest! {
        #[test]
        fn padding_round_trips_within_twelve_percent(plaintext in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let padded = pad(&plaintext);
            prop_assert!(padded.len() <= MIN_PADDED.max((plaintext.len() + PREFIX) * 112 / 100 + 1));
            prop_assert_eq!(unpad(&padded), Ok(&plaintext[..]));
        }
    }
}
