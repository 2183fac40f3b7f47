//! Where messages come from.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use sealpost_sdk::Message;
use sealpost_sdk::content::{MAX_BODY, PLAIN_TEXT};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::failure::Failure;
use crate::lines::{Line, Lines};

/// Lines read ahead.
const QUEUE: usize = 1024;
const BYTES: &str = "application/octet-stream";

/// Messages to send, in order.
pub(super) struct Input {
    first: Option<Message>,
    lines: Option<Receiver<Result<Message, Failure>>>,
}

impl Input {
    /// The message, the file, or the lines of standard input.
    pub(super) fn new(
        message: Option<String>,
        file: Option<PathBuf>,
        content_type: Option<String>,
    ) -> Result<Self, Failure> {
        let first = match (message, file) {
            (Some(text), _) => Some(to_message(text.into_bytes(), content_type.as_deref())),
            (None, Some(file)) => Some(to_message(read_file(&file)?, content_type.as_deref())),
            (None, None) => None,
        };
        let lines = first.is_none().then(|| read_lines(content_type));
        Ok(Self { first, lines })
    }

    /// Whether somebody sits at a terminal and types the lines.
    pub(super) fn is_typed(&self) -> bool {
        self.lines.is_some() && io::stdin().is_terminal()
    }

    pub(super) async fn next(&mut self) -> Option<Result<Message, Failure>> {
        if let Some(message) = self.first.take() {
            return Some(Ok(message));
        }
        self.lines.as_mut()?.recv().await
    }
}

/// A file that one message can hold; a longer one is not read to its end.
fn read_file(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    File::open(file)
        .and_then(|file| file.take(MAX_BODY as u64 + 1).read_to_end(&mut body))
        .map_err(|source| Failure::file(file.display().to_string(), source))?;
    if body.len() > MAX_BODY {
        return Err(Failure::usage(format!(
            "{} is longer than a message may be ({MAX_BODY} bytes)",
            file.display()
        )));
    }
    Ok(body)
}

/// Reads standard input on a thread of its own: reading blocks, and nothing can end it but the end of the process.
fn read_lines(content_type: Option<String>) -> Receiver<Result<Message, Failure>> {
    let (lines, queue) = mpsc::channel(QUEUE);
    std::thread::spawn(move || {
        let mut input = Lines::new(io::stdin().lock(), MAX_BODY);
        while let Some(line) = next_line(&mut input).transpose() {
            if !hand_over(&lines, line, content_type.as_deref()) {
                return;
            }
        }
    });
    queue
}

/// Whether to go on.
fn hand_over(
    lines: &Sender<Result<Message, Failure>>,
    line: Result<Vec<u8>, Failure>,
    content_type: Option<&str>,
) -> bool {
    let failed = line.is_err();
    let message = line.map(|line| to_message(line, content_type));
    lines.blocking_send(message).is_ok() && !failed
}

fn next_line(input: &mut Lines<impl BufRead>) -> Result<Option<Vec<u8>>, Failure> {
    let read = input.next_blocking();
    match read.map_err(|source| Failure::file("standard input", source))? {
        None => Ok(None),
        Some(Line::Whole(line)) => Ok(Some(line)),
        Some(Line::TooLong) => Err(Failure::usage(format!(
            "line {} is longer than a message may be ({MAX_BODY} bytes)",
            input.number()
        ))),
    }
}

fn to_message(body: Vec<u8>, content_type: Option<&str>) -> Message {
    let guess = if std::str::from_utf8(&body).is_ok() {
        PLAIN_TEXT
    } else {
        BYTES
    };
    Message::new(content_type.unwrap_or(guess), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut input = Lines::new(input, MAX_BODY);
        std::iter::from_fn(|| next_line(&mut input).transpose()).collect()
    }

    #[test]
    fn longest_line_passes_and_a_longer_one_is_named() {
        let longest = [vec![b'x'; MAX_BODY], b"\n".to_vec()].concat();
        assert_eq!(lines(&longest).unwrap()[0].len(), MAX_BODY);
        let failure = lines(&[b"short\n".to_vec(), vec![b'x'; MAX_BODY + 1]].concat()).unwrap_err();
        assert!(failure.to_string().starts_with("line 2 is longer"));
    }

    #[test]
    fn bytes_that_are_no_text_are_sent_as_bytes() {
        assert_eq!(to_message(b"text".to_vec(), None).content_type, PLAIN_TEXT);
        assert_eq!(to_message(vec![0xff], None).content_type, BYTES);
        assert_eq!(
            to_message(vec![0xff], Some("image/png")).content_type,
            "image/png"
        );
    }
}
