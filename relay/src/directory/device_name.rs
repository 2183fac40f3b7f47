//! What the owner calls a device.

use super::DirectoryError;

/// The most bytes of a device name.
const MAX_LENGTH: usize = 128;

/// Accepts names that can be shown: 1 to 128 bytes of UTF-8 without control characters.
pub(super) fn check(name: &str) -> Result<&str, DirectoryError> {
    let is_valid = !name.is_empty() && name.len() <= MAX_LENGTH && !name.chars().any(char::is_control);
    is_valid
        .then_some(name)
        .ok_or(DirectoryError::Malformed("device_name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_shown_are_refused() {
        let too_long = "x".repeat(MAX_LENGTH + 1);
        for name in ["", "a\nb", "\u{1b}[31m", &too_long] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check("Alice's phone").is_ok());
    }
}
