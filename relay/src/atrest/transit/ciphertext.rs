//! The text form of a Transit ciphertext: `vault:v<version>:<base64>`.
//!
//! OpenBao reads more than it writes: version 0 is another name for 1, digits may be preceded by `+` or zeros,
//! base64 may be broken into lines. Here a ciphertext is what OpenBao writes and nothing else, so that a
//! stored key has one form.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::atrest::key_wrapper::WrappedKey;

/// The version of the wrapping key that `wrapped` is under; `None` if it is no ciphertext of Transit.
pub(in crate::atrest) fn version_of(wrapped: &WrappedKey) -> Option<u32> {
    let text = text_of(wrapped)?;
    let (digits, sealed) = text.strip_prefix("vault:v")?.split_once(':')?;
    let version: u32 = digits.parse().ok()?;
    let is_as_written = version > 0 && version.to_string() == digits && STANDARD.decode(sealed).is_ok();
    is_as_written.then_some(version)
}

/// The text of a ciphertext.
pub(super) fn text_of(wrapped: &WrappedKey) -> Option<&str> {
    std::str::from_utf8(wrapped.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &[u8]) -> Option<u32> {
        version_of(&WrappedKey::from_bytes(text.to_vec()))
    }

    #[test]
    fn a_ciphertext_tells_its_version() {
        assert_eq!(version(b"vault:v1:YWJj"), Some(1));
        assert_eq!(version(b"vault:v4294967295:YWI="), Some(u32::MAX));
    }

    #[test]
    fn what_openbao_does_not_write_is_no_ciphertext() {
        for text in [
            &b""[..],
            b"vault:v1",
            b"vault:v:YWJj",
            b"vault:vx:YWJj",
            b"v1:YWJj",
            b"vault:v0:YWJj",
            b"vault:v01:YWJj",
            b"vault:v+1:YWJj",
            b"vault:v-1:YWJj",
            b"vault:v4294967296:YWJj",
            b"vault:v1:YW\nJj",
            b"vault:v1:YWI",
            b"vault:v1:YWJ=",
            b"vault:v1:YWJj ",
            b"vault:v1:\xff",
            b"Vault:v1:YWJj",
        ] {
            assert_eq!(version(text), None, "{}", text.escape_ascii());
        }
    }
}
