//! Everybody at once, at a relay that has just begun.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use futures_util::{SinkExt, StreamExt, future::try_join_all};
use sealpost_protocol::wire::{self, client_frame::Body as Ask, relay_frame::Body as Answer};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    measure::Latencies,
    stage::{WebSocket, frame, read, refusal},
};

/// What one client asks for at once, a space each.
pub struct Asking {
    /// Its socket.
    pub socket: WebSocket,
    /// The first request id that it may use.
    pub first_request: u64,
    /// Publishes and subscriptions.
    pub requests: Vec<Ask>,
}

/// Sends everything, and waits until everything is answered; the latencies are those since `began`.
pub async fn ask_at_once(asking: Vec<Asking>, began: Instant) -> Result<Latencies> {
    let asked = asking.into_iter().map(|one| tokio::spawn(one.run(began)));
    let asked: Vec<_> = asked.collect();
    let mut latencies = Latencies::default();
    for answered in try_join_all(asked).await? {
        latencies.add(&answered?);
    }
    Ok(latencies)
}

impl Asking {
    async fn run(self, began: Instant) -> Result<Latencies> {
        let (mut sink, mut stream) = self.socket.split();
        let mut open: BTreeSet<u64> = (self.first_request..).take(self.requests.len()).collect();
        let requests = (self.first_request..).zip(self.requests);
        // The relay reads on only while it is heard, so both at once.
        let asking = async {
            for (id, request) in requests {
                sink.feed(Message::Binary(frame(id, request))).await?;
            }
            anyhow::Ok(sink.flush().await?)
        };
        let hearing = async {
            let mut latencies = Latencies::default();
            while !open.is_empty() {
                let frame = read(stream.next().await)?;
                if frame.body.as_ref().is_some_and(is_answer) && open.remove(&frame.request_id) {
                    latencies.record(began.elapsed());
                }
                if let Some(
                    Answer::Published(wire::Published { nack: Some(nack), .. }) | Answer::Nack(nack),
                ) = frame.body
                {
                    bail!(refusal(&nack));
                }
            }
            Ok(latencies)
        };
        let (asked, heard) = tokio::join!(asking, hearing);
        asked.and(heard)
    }
}

fn is_answer(body: &Answer) -> bool {
    matches!(body, Answer::Published(_) | Answer::Subscribed(_))
}
