//! Redis Streams, over RESP2.

mod resp;

use std::{ffi::OsString, net::SocketAddr, ops::Range, path::Path};

use anyhow::{Result, ensure};
use bytes::{Buf, BytesMut};

use self::resp::{Pieces, command, first_reply};
use super::{Acks, Client, Line, Publisher, Reader, event};

/// The client.
pub struct Redis;

/// Every append is fsynced before its ack. There are no snapshots and no rewriting of the file beside, which would take the
/// processor from the measurement.
const SETTINGS: [(&str, &str); 7] = [
    ("--daemonize", "no"),
    ("--logfile", ""),
    ("--loglevel", "notice"),
    ("--save", ""),
    ("--appendonly", "yes"),
    ("--appendfsync", "always"),
    ("--auto-aof-rewrite-percentage", "0"),
];

/// Its command line.
pub(super) fn arguments(folder: &Path, address: SocketAddr) -> Vec<OsString> {
    let settings = SETTINGS
        .iter()
        .flat_map(|(key, value)| [key.into(), value.into()]);
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let place = ["--bind".into(), host.into(), "--port".into(), port.into()];
    settings
        .chain(place)
        .chain(["--dir".into(), folder.into()])
        .collect()
}

/// Whether it serves, by its log.
pub(super) fn is_serving(log: &str) -> bool {
    log.contains("Ready to accept connections")
}

impl Client for Redis {
    type Publisher = Appends;
    type Acks = InOrder;
    type Reader = Reading;

    async fn make_streams(_address: SocketAddr, _count: usize) -> Result<()> {
        Ok(())
    }

    async fn writer(
        address: SocketAddr,
        _writer: usize,
        streams: &[usize],
        length: usize,
    ) -> Result<(Line, Appends, InOrder)> {
        let line = Line::open(address).await?;
        Ok((line, Appends::to(streams, length), InOrder::default()))
    }

    async fn reader(address: SocketAddr) -> Result<(Line, Reading)> {
        let mut line = Line::open(address).await?;
        // The stream is empty, so that its beginning is now.
        let reading = Reading::default();
        reading.ask_behind(b"0", &mut line.outgoing.bytes);
        line.outgoing.flush().await?;
        Ok((line, reading))
    }
}

fn name(stream: usize) -> String {
    format!("s{stream}")
}

/// One XADD for each publish.
pub struct Appends {
    /// By stream: all of the command but the payload and the end of its line.
    heads: Vec<Vec<u8>>,
    next: usize,
}

impl Appends {
    fn to(streams: &[usize], length: usize) -> Self {
        let head = |stream: &usize| {
            let mut head = Vec::new();
            let stream = name(*stream);
            command(&[b"XADD", stream.as_bytes(), b"*", b"m"], 1, &mut head);
            head.extend_from_slice(format!("${length}\r\n").as_bytes());
            head
        };
        Self {
            heads: streams.iter().map(head).collect(),
            next: 0,
        }
    }
}

impl Publisher for Appends {
    fn publish(&mut self, _number: u64, payload: &[u8], output: &mut Vec<u8>) {
        output.extend_from_slice(&self.heads[self.next]);
        output.extend_from_slice(payload);
        output.extend_from_slice(b"\r\n");
        self.next = (self.next + 1) % self.heads.len();
    }
}

/// Replies come in the order of the commands.
#[derive(Default)]
pub struct InOrder {
    next: u64,
}

impl Acks for InOrder {
    fn take(&mut self, input: &mut BytesMut, _output: &mut Vec<u8>) -> Result<Option<u64>> {
        let Some(length) = first_reply(input)? else {
            return Ok(None);
        };
        Pieces::of(&input[..length]).bulk()?;
        input.advance(length);
        self.next += 1;
        Ok(Some(self.next - 1))
    }
}

/// One XREAD after the other, each behind what the last one gave.
#[derive(Default)]
pub struct Reading {
    next: u64,
}

impl Reading {
    fn ask_behind(&self, id: &[u8], output: &mut Vec<u8>) {
        let stream = name(0);
        let words: [&[u8]; 6] = [b"XREAD", b"BLOCK", b"0", b"STREAMS", stream.as_bytes(), id];
        command(&words, 0, output);
    }

    /// The reply of one stream: its name, and its entries of an id and one field each.
    fn read(&mut self, reply: &[u8], output: &mut Vec<u8>) -> Result<Range<u64>> {
        let mut pieces = Pieces::of(reply);
        ensure!(
            pieces.array()? == 1,
            "Redis answered for another number of streams"
        );
        pieces.array()?;
        pieces.bulk()?;
        let (first, count) = (self.next, pieces.array()?);
        let mut id: &[u8] = b"0";
        for _ in 0..count {
            pieces.array()?;
            id = pieces.bulk()?;
            ensure!(pieces.array()? == 2, "an event has one field");
            pieces.bulk()?;
            event::expect(self.next, pieces.bulk()?)?;
            self.next += 1;
        }
        self.ask_behind(id, output);
        Ok(first..self.next)
    }
}

impl Reader for Reading {
    fn take(&mut self, input: &mut BytesMut, output: &mut Vec<u8>) -> Result<Range<u64>> {
        let Some(length) = first_reply(input)? else {
            return Ok(self.next..self.next);
        };
        let events = self.read(&input[..length], output)?;
        input.advance(length);
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishes_go_round_the_streams() {
        let mut output = Vec::new();
        let mut appends = Appends::to(&[3, 5], 2);
        (0..3).for_each(|number| appends.publish(number, b"hi", &mut output));
        let xadd = |stream: &str| {
            format!("*5\r\n$4\r\nXADD\r\n$2\r\n{stream}\r\n$1\r\n*\r\n$1\r\nm\r\n$2\r\nhi\r\n")
        };
        assert_eq!(output, [xadd("s3"), xadd("s5"), xadd("s3")].concat().as_bytes());
    }

    #[test]
    fn acks_are_counted_and_an_error_is_told() {
        let (mut acks, mut output) = (InOrder::default(), Vec::new());
        let mut input = BytesMut::from("$3\r\n1-0\r\n$3\r\n1-1\r\n$3\r\n1");
        assert_eq!(acks.take(&mut input, &mut output).unwrap(), Some(0));
        assert_eq!(acks.take(&mut input, &mut output).unwrap(), Some(1));
        assert_eq!(acks.take(&mut input, &mut output).unwrap(), None);
        let mut input = BytesMut::from("-OOM command not allowed\r\n");
        let refused = acks.take(&mut input, &mut output).unwrap_err().to_string();
        assert!(refused.contains("OOM command not allowed"), "{refused}");
    }

    /// What XREAD answers with these events.
    fn reply(numbers: Range<u64>) -> Vec<u8> {
        let mut reply = format!("*1\r\n*2\r\n$2\r\ns0\r\n*{}\r\n", numbers.clone().count()).into_bytes();
        for number in numbers {
            reply.extend(format!("*2\r\n$3\r\n7-{number}\r\n*2\r\n$1\r\nm\r\n$8\r\n").bytes());
            reply.extend(number.to_be_bytes());
            reply.extend(b"\r\n");
        }
        reply
    }

    #[test]
    fn reader_takes_whole_replies_and_asks_behind_the_last_event() {
        let (mut reading, mut output) = (Reading::default(), Vec::new());
        let whole = reply(0..3);
        for cut in 0..whole.len() {
            let mut input = BytesMut::from(&whole[..cut]);
            assert!(reading.take(&mut input, &mut output).unwrap().is_empty());
        }
        assert!(output.is_empty());
        let mut input = BytesMut::from(&whole[..]);
        assert_eq!(reading.take(&mut input, &mut output).unwrap(), 0..3);
        assert!(input.is_empty());
        assert!(output.ends_with(b"$2\r\ns0\r\n$3\r\n7-2\r\n"), "{output:?}");
        let mut input = BytesMut::from(&reply(4..5)[..]);
        assert!(
            reading.take(&mut input, &mut output).is_err(),
            "event 3 is missing"
        );
    }
}
