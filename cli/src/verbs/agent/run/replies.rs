//! What the program prints, as messages.

use sealpost_sdk::Message;
use sealpost_sdk::content::MAX_BODY;
use serde::Deserialize;
use tokio::io::{AsyncRead, BufReader};

use crate::failure::Failure;
use crate::lines::{Line, Lines};

const BYTES: &str = "application/octet-stream";
/// Longest line that is read: JSON takes six bytes at most for one of the text, and may say more than the text.
const LONGEST_LINE: usize = 8 * MAX_BODY;

/// The lines of a program, one message each.
pub(super) struct Replies<R> {
    lines: Lines<BufReader<R>>,
}

/// What a line asks for.
#[derive(Debug)]
pub(super) enum Reply {
    /// To send this.
    Message(Message),
    /// To send what no message can hold.
    TooLong {
        /// The number of the line, from 1.
        line: u64,
    },
}

/// A line of JSON that says what to send.
#[derive(Deserialize)]
struct Said {
    text: String,
}

impl<R: AsyncRead + Unpin> Replies<R> {
    pub(super) fn new(output: R) -> Self {
        Self {
            lines: Lines::new(BufReader::new(output), LONGEST_LINE),
        }
    }

    /// The next reply; `None` at the end of the output.
    pub(super) async fn next(&mut self) -> Result<Option<Reply>, Failure> {
        loop {
            let line = self.lines.next().await;
            let message = match line.map_err(|source| Failure::file("the program's output", source))? {
                None => return Ok(None),
                Some(Line::Whole(line)) if line.is_empty() => continue,
                Some(Line::Whole(line)) => Some(to_message(line)),
                Some(Line::TooLong) => None,
            };
            let line = self.lines.number();
            let message = message.filter(|message| message.body.len() <= MAX_BODY);
            return Ok(Some(message.map_or(Reply::TooLong { line }, Reply::Message)));
        }
    }
}

fn to_message(line: Vec<u8>) -> Message {
    if let Ok(Said { text }) = serde_json::from_slice(&line) {
        return Message::text(text);
    }
    match String::from_utf8(line) {
        Ok(text) => Message::text(text),
        Err(bytes) => Message::new(BYTES, bytes.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent, or the number of the line that cannot be.
    async fn replies(output: &[u8]) -> Vec<Result<Vec<u8>, u64>> {
        let mut replies = Replies::new(output);
        let mut read = Vec::new();
        while let Some(reply) = replies.next().await.unwrap() {
            read.push(match reply {
                Reply::Message(message) => Ok(message.body.to_vec()),
                Reply::TooLong { line } => Err(line),
            });
        }
        read
    }

    fn json(text: &str) -> Vec<u8> {
        format!("{}\n", serde_json::json!({ "text": text })).into_bytes()
    }

    #[tokio::test]
    async fn json_with_a_text_is_that_text_and_any_other_line_is_itself() {
        let output = b"plain\n{\"text\":\"two\\nlines\"}\n{\"other\":1}\n\n[1]\n\xff\nno end";
        let expected: [&[u8]; 6] = [
            b"plain",
            b"two\nlines",
            b"{\"other\":1}",
            b"[1]",
            b"\xff",
            b"no end",
        ];
        assert_eq!(replies(output).await, expected.map(|body| Ok(body.to_vec())));
    }

    #[tokio::test]
    async fn bytes_of_the_text_count_and_not_those_that_json_takes_for_it() {
        let text = "\u{1}".repeat(MAX_BODY);
        let line = json(&text);
        assert!(line.len() > 6 * MAX_BODY);
        assert_eq!(replies(&line).await, [Ok(text.into_bytes())]);
    }

    #[tokio::test]
    async fn message_that_is_too_long_is_named_and_the_next_one_is_sent() {
        let too_long = "x".repeat(MAX_BODY + 1);
        let endless = vec![b'x'; 2 * LONGEST_LINE];
        let output = [
            b"short\n\n".to_vec(),
            json(&too_long),
            too_long.into_bytes(),
            b"\n".to_vec(),
            endless,
            b"\nnext\n".to_vec(),
        ];
        let expected = [
            Ok(b"short".to_vec()),
            Err(3),
            Err(4),
            Err(5),
            Ok(b"next".to_vec()),
        ];
        assert_eq!(replies(&output.concat()).await, expected);
    }
}
