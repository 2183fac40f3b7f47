//! What the owner calls a device or an agent.

use sealpost_protocol::limits::MAX_DEVICE_NAME;

use super::DirectoryError;

/// Accepts names that can be shown: 1 to 128 bytes of UTF-8 without control characters.
pub(super) fn check(name: &str) -> Result<&str, DirectoryError> {
    check_part("device_name", name)
}

/// The same for the name in another part of a request.
pub(super) fn check_part<'a>(part: &'static str, name: &'a str) -> Result<&'a str, DirectoryError> {
    let is_valid = !name.is_empty() && name.len() <= MAX_DEVICE_NAME && !name.chars().any(char::is_control);
    is_valid.then_some(name).ok_or(DirectoryError::Malformed(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_shown_are_refused() {
        let too_long = "x".repeat(MAX_DEVICE_NAME + 1);
        for name in ["", "a\nb", "\u{1b}[31m", &too_long] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check("Alice's phone").is_ok());
    }
}
