//! Names of objects.

use std::fmt;
use std::str::FromStr;

/// The name of an object: random, and under a random prefix for each space, so that the storage learns neither space nor blob
/// from it. In text it is `PREFIX/REST` in hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The space's part.
    pub prefix: [u8; 16],
    /// The blob's part.
    pub rest: [u8; 32],
}

/// A text that is no name of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignName;

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}/{}",
            hex::encode(self.prefix),
            hex::encode(self.rest)
        )
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ObjectKey({self})")
    }
}

impl FromStr for ObjectKey {
    type Err = ForeignName;

    fn from_str(text: &str) -> Result<Self, ForeignName> {
        let (prefix, rest) = text.split_once('/').ok_or(ForeignName)?;
        let mut key = Self {
            prefix: [0; 16],
            rest: [0; 32],
        };
        hex::decode_to_slice(prefix, &mut key.prefix).map_err(|_| ForeignName)?;
        hex::decode_to_slice(rest, &mut key.rest).map_err(|_| ForeignName)?;
        // Another spelling of it is another object.
        (key.to_string() == text).then_some(key).ok_or(ForeignName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_round_trips_and_another_spelling_is_none_of_ours() {
        let key = ObjectKey {
            prefix: [0xab; 16],
            rest: [7; 32],
        };
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        for foreign in [
            text.to_uppercase(),
            format!("{text}0"),
            text.replace('/', "//"),
            String::new(),
        ] {
            assert_eq!(foreign.parse::<ObjectKey>(), Err(ForeignName), "{foreign}");
        }
    }

    #[test]
    fn names_sort_like_their_text() {
        let key = |prefix, rest| ObjectKey {
            prefix: [prefix; 16],
            rest: [rest; 32],
        };
        let mut keys = [key(9, 1), key(0x10, 0), key(9, 0xa0), key(0xff, 2)];
        keys.sort_unstable();
        let texts = keys.map(|key| key.to_string());
        assert!(texts.is_sorted());
    }
}
