//! What a command prints: text for people, JSON for scripts.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealpost_sdk::protocol::text::turns_text;
use serde::Serialize;
use time::{OffsetDateTime, UtcOffset};

use crate::failure::Failure;

/// For whom to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Text.
    Human,
    /// One JSON object a line.
    Json,
}

/// Something a command reports.
pub(crate) trait Report: Serialize {
    /// Writes it for people.
    fn write_text(&self, out: &mut impl Write) -> io::Result<()>;
}

impl Output {
    /// Prints one report, at once.
    pub(crate) fn report(self, report: &impl Report) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        self.write(&mut out, report)?;
        Ok(out.flush()?)
    }

    /// Writes one report.
    pub(crate) fn write(self, out: &mut impl Write, report: &impl Report) -> Result<(), Failure> {
        match self {
            Self::Human => report.write_text(out)?,
            Self::Json => {
                let line = serde_json::to_string(report).map_err(io::Error::from)?;
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

/// The bytes of a message: as text where they are text.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Body {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Base64(String),
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }
}

/// A number with what it counts, as in "1 message" and "2 messages".
pub(crate) fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

/// A moment for people, to the minute.
pub(crate) fn moment(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    format!("{} {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
}

/// The same in Unix seconds.
pub(crate) fn moment_of(unix_seconds: u64) -> String {
    let at = i64::try_from(unix_seconds).map(OffsetDateTime::from_unix_timestamp);
    match at {
        Ok(Ok(at)) => moment(at),
        _ => format!("Unix time {unix_seconds}"),
    }
}

/// Text by others as a terminal may show it: characters that command it are spelled out.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => shown.push_str("\n    "),
            '\t' => shown.push('\t'),
            letter if letter.is_control() || turns_text(letter) => shown.extend(letter.escape_default()),
            letter => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_commands_are_spelled_out() {
        assert_eq!(printable("a\x1b[2Jb\tc"), "a\\u{1b}[2Jb\tc");
        assert_eq!(printable("one\ntwo"), "one\n    two");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn moments_are_told_to_the_minute_and_absurd_ones_as_they_are() {
        assert_eq!(moment_of(1_790_000_059), "2026-09-21 14:14 UTC");
        assert_eq!(moment_of(u64::MAX), format!("Unix time {}", u64::MAX));
    }

    #[test]
    fn one_is_not_many() {
        let of = |number| counted(number, "message");
        assert_eq!(
            [of(0), of(1), of(2)],
            ["0 messages", "1 message", "2 messages"].map(str::to_owned)
        );
    }

    #[test]
    fn text_is_text_and_other_bytes_are_base64() {
        let json = |bytes: &[u8]| serde_json::to_string(&Body::from(bytes)).unwrap();
        assert_eq!(json("grüß dich".as_bytes()), r#"{"text":"grüß dich"}"#);
        assert_eq!(json(&[0xff, 0x00]), r#"{"base64":"/wA="}"#);
    }
}
