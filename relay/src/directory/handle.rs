//! Handles: how people name accounts.

use sealpost_protocol::handle::{RULE, can_name_account, is_handle};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A handle by the rules of the protocol. It has no `Debug`: handles stay out of logs.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Handle(String);

/// Text that is not a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{RULE}")]
pub struct HandleInvalid;

impl Handle {
    /// Normalises (surrounding white space away, ASCII letters to lower case) and checks a handle that is to be registered.
    ///
    /// # Errors
    /// [`HandleInvalid`].
    pub fn parse_new(text: &str) -> Result<Self, HandleInvalid> {
        Self::parse(text).and_then(|handle| {
            let is_new = is_handle(&handle.0);
            is_new.then_some(handle).ok_or(HandleInvalid)
        })
    }

    /// The same for a handle that an account may have: before the rule on the first character there was none.
    ///
    /// # Errors
    /// [`HandleInvalid`].
    pub fn parse(text: &str) -> Result<Self, HandleInvalid> {
        let handle = text.trim().to_ascii_lowercase();
        can_name_account(&handle)
            .then_some(Self(handle))
            .ok_or(HandleInvalid)
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
        assert_eq!(
            Handle::parse_new(" Alice_1.x-Y ").unwrap().as_str(),
            "alice_1.x-y"
        );
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
            assert!(Handle::parse_new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_begins_otherwise_names_an_account_of_before_and_no_new_one() {
        for text in ["...", "-rf", "_alice"] {
            assert_eq!(Handle::parse(text).unwrap().as_str(), text);
            assert!(Handle::parse_new(text).is_err(), "{text:?}");
        }
    }
}
