//! Handles: how people name accounts.

use sealpost_protocol::handle::is_handle;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A handle by the rules of the protocol. It has no `Debug`: handles stay out of logs.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Handle(String);

/// Text that is not a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a handle is 3 to 32 of a-z, 0-9, dot, dash and underscore, a letter or digit first")]
pub struct HandleInvalid;

impl Handle {
    /// Normalises (surrounding white space away, ASCII letters to lower case) and checks `text`.
    ///
    /// # Errors
    /// [`HandleInvalid`].
    pub fn parse(text: &str) -> Result<Self, HandleInvalid> {
        let handle = text.trim().to_ascii_lowercase();
        is_handle(&handle).then_some(Self(handle)).ok_or(HandleInvalid)
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
            "...",
            "-rf",
            "_alice",
        ] {
            assert!(Handle::parse(text).is_err(), "{text:?}");
        }
    }
}
