//! What text by others may do to who reads it.

/// Whether a character changes the direction of the text around it (Unicode's Bidi_Control): with one, a line could be shown as
/// somebody else's, and a file's name with another ending than it has.
#[must_use]
pub fn turns_text(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
