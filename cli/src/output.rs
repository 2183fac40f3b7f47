//! What a command prints: text for people, JSON for scripts.

use std::io::{self, Write};

use serde::Serialize;

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

/// Text by others as a terminal may show it: characters that command it are spelled out.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => shown.push_str("\n    "),
            '\t' => shown.push('\t'),
            letter if letter.is_control() => shown.extend(letter.escape_default()),
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
    }
}
