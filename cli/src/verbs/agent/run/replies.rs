//! What the program prints, as messages.

use sealpost_sdk::Message;
use sealpost_sdk::content::MAX_BODY;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::failure::Failure;

const BYTES: &str = "application/octet-stream";

/// The lines of a program, one message each.
pub(super) struct Replies<R> {
    output: BufReader<R>,
    number: u64,
}

/// A line of JSON that says what to send.
#[derive(Deserialize)]
struct Reply {
    text: String,
}

impl<R: AsyncRead + Unpin> Replies<R> {
    pub(super) fn new(output: R) -> Self {
        Self {
            output: BufReader::new(output),
            number: 0,
        }
    }

    /// The next message; `None` at the end of the output.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Failure> {
        while let Some(line) = self.next_line().await? {
            if !line.is_empty() {
                return Ok(Some(to_message(line)));
            }
        }
        Ok(None)
    }

    async fn next_line(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        (&mut self.output)
            .take(MAX_BODY as u64 + 2)
            .read_until(b'\n', &mut line)
            .await
            .map_err(|source| Failure::file("the program's output", source))?;
        self.number += 1;
        if line.is_empty() {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() > MAX_BODY {
            return Err(Failure::usage(format!(
                "line {} of the program is longer than a message may be ({MAX_BODY} bytes)",
                self.number
            )));
        }
        Ok(Some(line))
    }
}

fn to_message(line: Vec<u8>) -> Message {
    if let Ok(Reply { text }) = serde_json::from_slice(&line) {
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

    async fn bodies(output: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut replies = Replies::new(output);
        let mut bodies = Vec::new();
        while let Some(message) = replies.next().await? {
            bodies.push(message.body.to_vec());
        }
        Ok(bodies)
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
        assert_eq!(bodies(output).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn line_that_no_message_can_hold_is_named() {
        let longest = [vec![b'x'; MAX_BODY], b"\n".to_vec()].concat();
        assert_eq!(bodies(&longest).await.unwrap()[0].len(), MAX_BODY);
        let failure = bodies(&[b"short\n".to_vec(), vec![b'x'; MAX_BODY + 1]].concat()).await;
        assert!(failure.unwrap_err().to_string().starts_with("line 2 of"));
    }
}
