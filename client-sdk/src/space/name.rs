//! What an account calls a space.

use sealpost_protocol::text::turns_text;

use crate::error::Error;

/// Longest name of a space, in bytes.
pub const MAX_NAME: usize = 128;

/// Refuses a name that cannot be shown in a list, or that says nothing.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::usage("a space's name is not empty"));
    }
    if name.len() > MAX_NAME {
        return Err(Error::usage(format!(
            "a space's name has {MAX_NAME} bytes at most, this has {}",
            name.len()
        )));
    }
    if name
        .chars()
        .any(|letter| letter.is_control() || turns_text(letter))
    {
        return Err(Error::usage("a space's name has no control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_huge_and_unspeakable_names_are_refused() {
        let huge = "x".repeat(MAX_NAME + 1);
        for name in ["", "  ", "a\nb", "a\x1b[2J", "a\u{202e}b", &huge] {
            assert!(matches!(check_name(name), Err(Error::Usage(_))), "{name:?}");
        }
        for name in ["garden", "Küche 2", &huge[1..]] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }
}
