//! A fan-out over WebSockets: by the relay, or by a bare broadcast.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use bytes::{Buf, Bytes};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use prost::Message as _;
use sealpost_protocol::wire::{self, client_frame::Body as Request, relay_frame::Body as Answer};
use tokio_tungstenite::tungstenite::Message;

use super::{AckInlet, Audience, Inlet, Outlet};
use crate::stage::{Supply, WebSocket, frame, read, refusal};

/// What is between writer and readers.
#[derive(Clone, Copy, Debug)]
pub enum Medium {
    /// The relay: publishes are acked, pages are delivered.
    Relay {
        /// The first request id that the writer may use.
        first_request: u64,
        /// The place that the first event takes.
        first_seq: u64,
    },
    /// A broadcast of whatever comes, after eight bytes with its number.
    Broadcast,
}

/// The writer's socket, and those of readers who are subscribed.
pub fn web_socket_audience(
    writer: WebSocket,
    readers: Vec<WebSocket>,
    supply: Supply,
    medium: Medium,
) -> Audience<Writing, Published, Reading> {
    let (sink, stream) = writer.split();
    let is_acked = matches!(medium, Medium::Relay { .. });
    let readings = readers.into_iter().map(|socket| Reading { socket, medium });
    Audience {
        events: supply.len(),
        outlet: Writing { sink, supply, medium },
        acks: is_acked.then_some(Published(stream)),
        inlets: readings.collect(),
    }
}

/// Where the writer writes.
pub struct Writing {
    sink: SplitSink<WebSocket, Message>,
    supply: Supply,
    medium: Medium,
}

impl Outlet for Writing {
    async fn put(&mut self, number: u64) -> Result<()> {
        let publish = self.supply.pop_front().context("there is an event more")?;
        let bytes = match self.medium {
            Medium::Relay { first_request, .. } => frame(first_request + number, Request::Publish(publish)),
            Medium::Broadcast => numbered(number, &publish),
        };
        Ok(self.sink.feed(Message::Binary(bytes)).await?)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(self.sink.flush().await?)
    }
}

/// Where the relay's acks are heard.
pub struct Published(SplitStream<WebSocket>);

impl AckInlet for Published {
    async fn next(&mut self) -> Result<u64> {
        match read(self.0.next().await)?.body {
            Some(Answer::Published(wire::Published { nack: None, .. })) => Ok(1),
            Some(Answer::Published(wire::Published { nack: Some(nack), .. }) | Answer::Nack(nack)) => {
                bail!(refusal(&nack))
            }
            _ => Ok(0),
        }
    }
}

/// Where a reader hears.
pub struct Reading {
    socket: WebSocket,
    medium: Medium,
}

impl Inlet for Reading {
    async fn next(&mut self) -> Result<Range<u64>> {
        delivered(self.socket.next().await, self.medium)
    }
}

/// What of a frame a reader looks at who only counts: entries stay bytes, as messages do for the readers of the brokers.
#[derive(Clone, PartialEq, prost::Message)]
struct FrameOutline {
    #[prost(message, optional, tag = "6")]
    page: Option<PageOutline>,
    #[prost(message, optional, tag = "7")]
    ended: Option<wire::SubscriptionEnded>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PageOutline {
    #[prost(uint64, tag = "1")]
    first_seq: u64,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    entries: Vec<Bytes>,
}

/// The numbers of the events in a message, from 0.
fn delivered(
    message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    medium: Medium,
) -> Result<Range<u64>> {
    let Message::Binary(mut bytes) = message.context("the connection was closed")?? else {
        return Ok(0..0);
    };
    let Medium::Relay { first_seq, .. } = medium else {
        let number = bytes.try_get_u64()?;
        return Ok(number..number + 1);
    };
    let outline = FrameOutline::decode(bytes)?;
    if let Some(ended) = outline.ended {
        bail!("the subscription ended: {ended:?}");
    }
    let Some(page) = outline.page else {
        return Ok(0..0);
    };
    let first = page
        .first_seq
        .checked_sub(first_seq)
        .context("an event of before")?;
    Ok(first..first + page.entries.len() as u64)
}

/// The event of a publish as a broadcast carries it.
fn numbered(number: u64, publish: &wire::Publish) -> Bytes {
    let mut bytes = number.to_be_bytes().to_vec();
    for entry in &publish.entries {
        bytes.extend(entry.encode_to_vec());
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcast_event_is_known_by_its_number() {
        let message = Message::Binary(numbered(7, &wire::Publish::default()));
        let delivered = delivered(Some(Ok(message)), Medium::Broadcast).unwrap();
        assert_eq!(delivered, 7..8);
    }

    #[test]
    fn page_is_known_by_its_first_place() {
        let page = wire::Page {
            first_seq: 105,
            entries: vec![wire::Entry::default(); 3],
            ..wire::Page::default()
        };
        let frame = wire::RelayFrame {
            request_id: 1,
            body: Some(Answer::Page(page)),
        };
        let medium = Medium::Relay {
            first_request: 1,
            first_seq: 100,
        };
        let message = Message::Binary(frame.encode_to_vec().into());
        assert_eq!(delivered(Some(Ok(message)), medium).unwrap(), 5..8);
    }

    #[test]
    fn end_of_a_subscription_is_no_delivery() {
        let ended = wire::SubscriptionEnded {
            reason: Some(wire::Nack::default()),
        };
        let frame = wire::RelayFrame {
            request_id: 1,
            body: Some(Answer::SubscriptionEnded(ended)),
        };
        let medium = Medium::Relay {
            first_request: 1,
            first_seq: 100,
        };
        let message = Message::Binary(frame.encode_to_vec().into());
        assert!(delivered(Some(Ok(message)), medium).is_err());
    }
}
