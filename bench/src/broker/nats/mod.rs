//! NATS with JetStream: publishes to a stream's subject, which are acked to an inbox, and plain subscriptions.

mod text;

use std::{ffi::OsString, io::Write, net::SocketAddr, ops::Range, path::Path};

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use serde_json::{Value, json};

use self::text::{PONG, Said, first_said};
use super::{Acks, Client, Line, Publisher, Reader, event};

/// The client.
pub struct Nats;

/// Its command line: a port that it picks itself, and JetStream with its defaults.
pub(super) fn arguments(folder: &Path) -> Vec<OsString> {
    let place = [
        "--addr",
        "127.0.0.1",
        "--port",
        "-1",
        "--jetstream",
        "--store_dir",
    ];
    let place = place.into_iter().map(OsString::from);
    place.chain([folder.into()]).collect()
}

/// Where it serves, by its log.
pub(super) fn serving_at(log: &str) -> Option<SocketAddr> {
    let (before, _) = log.split_once("Server is ready")?;
    let (_, behind) = before.split_once("Listening for client connections on ")?;
    behind.lines().next()?.trim().parse().ok()
}

impl Client for Nats {
    type Publisher = Publishes;
    type Acks = Inbox;
    type Reader = Subscription;

    async fn make_streams(address: SocketAddr, count: usize) -> Result<()> {
        let mut line = open(address, "inbox.maker.*").await?;
        for stream in 0..count {
            let name = name(stream);
            let config = json!({
                "name": name,
                "subjects": [name],
                "storage": "file",
                "num_replicas": 1,
                "retention": "limits",
            });
            let config = config.to_string();
            let length = config.len();
            let request =
                format!("PUB $JS.API.STREAM.CREATE.{name} inbox.maker.{stream} {length}\r\n{config}\r\n");
            line.outgoing.bytes.extend_from_slice(request.as_bytes());
            line.outgoing.flush().await?;
            let answer = next_payload(&mut line).await?;
            check_made(&answer).with_context(|| format!("making stream {stream}"))?;
        }
        Ok(())
    }

    async fn writer(
        address: SocketAddr,
        writer: usize,
        streams: &[usize],
        length: usize,
    ) -> Result<(Line, Publishes, Inbox)> {
        let inbox = format!("inbox.{writer}.");
        let line = open(address, &format!("{inbox}*")).await?;
        let publishes = Publishes::to(streams, &inbox, length);
        let inbox = Inbox {
            prefix: inbox.into_bytes(),
        };
        Ok((line, publishes, inbox))
    }

    async fn reader(address: SocketAddr) -> Result<(Line, Subscription)> {
        Ok((open(address, &name(0)).await?, Subscription::default()))
    }
}

fn name(stream: usize) -> String {
    format!("s{stream}")
}

/// Connects and subscribes; when this returns, the subscription stands. Without headers nobody would tell of a publish that no
/// stream takes.
async fn open(address: SocketAddr, subject: &str) -> Result<Line> {
    let mut line = Line::open(address).await?;
    let options = json!({
        "verbose": false,
        "pedantic": false,
        "name": "sealpost-bench",
        "lang": "rust",
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": 1,
        "headers": true,
        "no_responders": true,
    });
    let hello = format!("CONNECT {options}\r\nSUB {subject} 1\r\nPING\r\n");
    line.outgoing.bytes.extend_from_slice(hello.as_bytes());
    line.outgoing.flush().await?;
    loop {
        while let Some((said, length)) = first_said(&line.incoming.bytes)? {
            let is_pong = said == Said::Pong;
            line.incoming.bytes.advance(length);
            if is_pong {
                return Ok(line);
            }
        }
        line.incoming.fill().await?;
    }
}

async fn next_payload(line: &mut Line) -> Result<Vec<u8>> {
    loop {
        let heard = hear(
            &mut line.incoming.bytes,
            &mut line.outgoing.bytes,
            |_, payload| Ok(payload.to_vec()),
        )?;
        if let Some(payload) = heard {
            return Ok(payload);
        }
        line.outgoing.flush().await?;
        line.incoming.fill().await?;
    }
}

/// Takes the next message out of `input`, and answers pings before it.
fn hear<T>(
    input: &mut BytesMut,
    output: &mut Vec<u8>,
    message: impl FnOnce(&[u8], &[u8]) -> Result<T>,
) -> Result<Option<T>> {
    while let Some((said, length)) = first_said(input)? {
        match said {
            Said::Message { subject, payload } => {
                let heard = message(subject, payload)?;
                input.advance(length);
                return Ok(Some(heard));
            }
            Said::Ping => output.extend_from_slice(PONG),
            Said::Info | Said::Pong => {}
        }
        input.advance(length);
    }
    Ok(None)
}

fn check_made(answer: &[u8]) -> Result<()> {
    let answer: Value = serde_json::from_slice(answer).context("JetStream answers in JSON")?;
    match answer.get("error") {
        Some(error) => bail!("JetStream refused: {error}"),
        None => Ok(()),
    }
}

/// One PUB for each publish, acked to a subject that ends with its number.
pub struct Publishes {
    /// By stream: the line up to the number.
    heads: Vec<Vec<u8>>,
    /// The line behind it.
    tail: Vec<u8>,
    next: usize,
}

impl Publishes {
    fn to(streams: &[usize], inbox: &str, length: usize) -> Self {
        let head = |stream: &usize| format!("PUB {} {inbox}", name(*stream)).into_bytes();
        Self {
            heads: streams.iter().map(head).collect(),
            tail: format!(" {length}\r\n").into_bytes(),
            next: 0,
        }
    }
}

impl Publisher for Publishes {
    fn publish(&mut self, number: u64, payload: &[u8], output: &mut Vec<u8>) {
        output.extend_from_slice(&self.heads[self.next]);
        write!(output, "{number}").expect("memory takes what is written to it");
        output.extend_from_slice(&self.tail);
        output.extend_from_slice(payload);
        output.extend_from_slice(b"\r\n");
        self.next = (self.next + 1) % self.heads.len();
    }
}

/// Acks of JetStream come in the order of each stream.
pub struct Inbox {
    prefix: Vec<u8>,
}

impl Acks for Inbox {
    fn take(&mut self, input: &mut BytesMut, output: &mut Vec<u8>) -> Result<Option<u64>> {
        hear(input, output, |subject, payload| {
            // An ack begins with the stream's name, a refusal with an error.
            if !payload.starts_with(br#"{"stream":"#) {
                bail!("JetStream refused: {}", String::from_utf8_lossy(payload));
            }
            let number = subject.strip_prefix(&self.prefix[..]);
            let number = number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            number.context("an ack of nothing that was published")
        })
    }
}

/// A subscription to the stream's subject: events are delivered as they are published.
#[derive(Default)]
pub struct Subscription {
    next: u64,
}

impl Reader for Subscription {
    fn take(&mut self, input: &mut BytesMut, output: &mut Vec<u8>) -> Result<Range<u64>> {
        let first = self.next;
        while hear(input, output, |_, payload| event::expect(self.next, payload))?.is_some() {
            self.next += 1;
        }
        Ok(first..self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_from_the_log() {
        let log = "[1] [INF] Listening for client connections on 127.0.0.1:4333\n[1] [INF] Server is ready\n";
        assert_eq!(serving_at(log), Some("127.0.0.1:4333".parse().unwrap()));
        assert_eq!(serving_at(&log[..70]), None);
    }

    #[test]
    fn publishes_go_round_the_streams_and_name_their_inbox() {
        let mut output = Vec::new();
        let mut publishes = Publishes::to(&[3, 5], "inbox.7.", 2);
        (8..11).for_each(|number| publishes.publish(number, b"hi", &mut output));
        let expected =
            "PUB s3 inbox.7.8 2\r\nhi\r\nPUB s5 inbox.7.9 2\r\nhi\r\nPUB s3 inbox.7.10 2\r\nhi\r\n";
        assert_eq!(output, expected.as_bytes());
    }

    #[test]
    fn ack_is_known_by_its_inbox_and_a_ping_is_answered() {
        let mut inbox = Inbox {
            prefix: b"inbox.7.".to_vec(),
        };
        let mut output = Vec::new();
        let ack = r#"{"stream":"s3","seq":1}"#;
        let message = |number: u64| format!("MSG inbox.7.{number} 1 {}\r\n{ack}\r\n", ack.len());
        let text = [&message(12)[..], "PING\r\n", &message(11), "MSG inbox"].concat();
        let mut input = BytesMut::from(&text[..]);
        assert_eq!(inbox.take(&mut input, &mut output).unwrap(), Some(12));
        assert_eq!(inbox.take(&mut input, &mut output).unwrap(), Some(11));
        assert_eq!(inbox.take(&mut input, &mut output).unwrap(), None);
        assert_eq!((&input[..], &output[..]), (&b"MSG inbox"[..], PONG));
    }

    #[test]
    fn refusal_of_jetstream_is_told() {
        let mut inbox = Inbox {
            prefix: b"inbox.7.".to_vec(),
        };
        let refusal = r#"{"error":{"code":503,"description":"insufficient storage"},"stream":"s3","seq":0}"#;
        let message = format!("MSG inbox.7.1 1 {}\r\n{refusal}\r\n", refusal.len());
        let mut input = BytesMut::from(&message[..]);
        let refused = inbox.take(&mut input, &mut Vec::new()).unwrap_err().to_string();
        assert!(refused.contains("insufficient storage"), "{refused}");
        assert!(check_made(refusal.as_bytes()).is_err());
        check_made(br#"{"type":"io.nats.jetstream.api.v1.stream_create_response"}"#).unwrap();
    }

    #[test]
    fn subscription_gives_all_events_that_have_arrived() {
        let event = |number: u64| {
            let payload = number.to_be_bytes();
            [b"MSG s0 1 inbox.0.1 8\r\n", &payload[..], b"\r\n"].concat()
        };
        let mut subscription = Subscription::default();
        let mut input = BytesMut::from(&[event(0), event(1), event(2)].concat()[..60]);
        assert_eq!(subscription.take(&mut input, &mut Vec::new()).unwrap(), 0..1);
        let mut input = BytesMut::from(&event(2)[..]);
        assert!(
            subscription.take(&mut input, &mut Vec::new()).is_err(),
            "event 1 is missing"
        );
    }
}
