//! Handles: how people name accounts.

/// The fewest characters of a handle.
pub const MIN_LENGTH: usize = 3;
/// The most characters of a handle.
pub const MAX_LENGTH: usize = 32;

/// Whether `text` is a handle as it is stored and shown: 3 to 32 of `a`-`z`, `0`-`9`, `.`, `-` and `_`, the first of them a
/// letter or digit. So it is never taken for an option of a command or for a folder.
#[must_use]
pub fn is_handle(text: &str) -> bool {
    let begins = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let goes_on = |byte: u8| begins(byte) || matches!(byte, b'.' | b'-' | b'_');
    (MIN_LENGTH..=MAX_LENGTH).contains(&text.len())
        && text.bytes().next().is_some_and(begins)
        && text.bytes().all(goes_on)
}
