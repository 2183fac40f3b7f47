//! Handles: how people name accounts.

/// The fewest characters of a handle.
pub const MIN_LENGTH: usize = 3;
/// The most characters of a handle.
pub const MAX_LENGTH: usize = 32;

/// What [`is_handle`] asks of a handle, for people.
pub const RULE: &str = "a handle is 3 to 32 of a-z, 0-9, dot, dash and underscore, a letter or digit first";

/// Whether `text` is a handle as it is registered and shown: 3 to 32 of `a`-`z`, `0`-`9`, `.`, `-` and `_`, the first of
/// them a letter or digit. So it is never taken for an option of a command or for a folder.
#[must_use]
pub fn is_handle(text: &str) -> bool {
    can_name_account(text) && text.bytes().next().is_some_and(is_letter_or_digit)
}

/// Whether an account can have this handle: as [`is_handle`], but whatever of these characters comes first. Accounts were
/// registered so once, and their owners have to get in.
#[must_use]
pub fn can_name_account(text: &str) -> bool {
    let is_allowed = |byte: u8| is_letter_or_digit(byte) || matches!(byte, b'.' | b'-' | b'_');
    (MIN_LENGTH..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed)
}

const fn is_letter_or_digit(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9')
}
