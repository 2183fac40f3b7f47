//! Places in a space, as they are typed and printed: `SEQ` or `SEQ:INDEX`.

use std::str::FromStr;

use sealpost_sdk::Position;

/// A place after which to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct After(pub(crate) Position);

/// Text that is no place.
#[derive(Debug, thiserror::Error)]
#[error("a place is SEQ, for all of that event, or SEQ:INDEX, for one message of it")]
pub(crate) struct NotAPlace;

impl FromStr for After {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| NotAPlace);
        let position = match text.split_once(':') {
            None => Position::after_event(number(text)?),
            Some((seq, index)) => Position {
                seq: number(seq)?,
                index: index.parse().map_err(|_| NotAPlace)?,
            },
        };
        Ok(Self(position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_an_event_or_a_message_of_it() {
        let whole: After = "12".parse().unwrap();
        assert_eq!(whole.0, Position::after_event(12));
        let one: After = "12:3".parse().unwrap();
        assert_eq!(one.0, Position { seq: 12, index: 3 });
        for text in ["", "x", "12:", ":3", "12:3:4", "-1"] {
            assert!(text.parse::<After>().is_err(), "{text:?}");
        }
    }
}
