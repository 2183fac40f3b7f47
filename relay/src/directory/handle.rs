//! Handles: how people name accounts.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A handle by the rules: 3 to 32 of `a`-`z`, `0`-`9`, `_`, `.` and `-`. It has no `Debug`: handles stay out of
/// logs.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Handle(String);

/// Text that is not a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a handle is 3 to 32 of a-z, 0-9, dot, dash and underscore")]
pub struct HandleInvalid;

impl Handle {
    /// The fewest characters.
    pub const MIN_LENGTH: usize = 3;
    /// The most characters.
    pub const MAX_LENGTH: usize = 32;

    /// Normalises (surrounding white space away, ASCII letters to lower case) and checks `text`.
    ///
    /// # Errors
    /// [`HandleInvalid`].
    pub fn parse(text: &str) -> Result<Self, HandleInvalid> {
        let handle = text.trim().to_ascii_lowercase();
        let length_fits = (Self::MIN_LENGTH..=Self::MAX_LENGTH).contains(&handle.len());
        let is_valid = length_fits && handle.bytes().all(is_allowed);
        is_valid.then_some(Self(handle)).ok_or(HandleInvalid)
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_surrounding_space_do_not_count() {
        assert_eq!(Handle::parse(" Alice_1.x-Y ").unwrap().as_str(), "alice_1.x-y");
    }

    #[test]
    fn what_is_not_a_handle_is_refused() {
        let too_long = "a".repeat(33);
        for text in [
            "",
            "ab",
            &too_long,
            "al ice",
            "alicé",
            "a\u{212a}b",
            "alice\0",
            "ali/ce",
            "ａlice",
        ] {
            assert!(Handle::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn shortest_and_longest_handles_are_accepted() {
        for length in [Handle::MIN_LENGTH, Handle::MAX_LENGTH] {
            assert!(Handle::parse(&"a".repeat(length)).is_ok());
        }
    }
}
