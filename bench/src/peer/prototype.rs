//! The bare prototype: the least that checks every signature, gives every event a place without gaps and acks after a commit.
//!
//! It takes the relay's own Publish frames. It has no accounts, membership, chains, epochs, roots, repeats, sealing, quotas,
//! subscriptions or other relays beside it: what those cost is what the ratio shows.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use sealpost_protocol::{
    hash::{Label, sha256},
    keys::PublicKey,
    wire::{self, client_frame::Body as Request, entry::Kind, relay_frame::Body as Answer},
};
use sqlx::{Connection, PgConnection};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

/// Commits in flight at once.
const LANES: usize = 2;
/// Events in one commit, at most.
const BATCH: usize = 512;
const QUEUE: usize = 4096;

/// An event that waits for its place.
struct Job {
    space: Bytes,
    entry: Vec<u8>,
    request_id: u64,
    reply: mpsc::UnboundedSender<(u64, i64)>,
}

/// Serves until an insert fails: whoever waits for its acks learns by the end of the process that none will come.
pub async fn serve(listener: TcpListener, database: &str) -> Result<()> {
    let mut lanes = Vec::new();
    let mut running = JoinSet::new();
    for number in 0..LANES {
        let (sender, queue) = mpsc::channel(QUEUE);
        let lane = Lane {
            connection: PgConnection::connect(database).await?,
            spaces: HashMap::new(),
            number,
        };
        running.spawn(lane.run(queue));
        lanes.push(sender);
    }
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                tokio::spawn(converse(stream, lanes.clone()));
            }
            Some(ended) = running.join_next() => ended??,
        }
    }
}

/// The client's first message is its public key.
async fn converse(stream: TcpStream, lanes: Vec<mpsc::Sender<Job>>) -> Result<()> {
    let mut socket = accept_async(stream).await?;
    let first = socket.next().await.context("the client left")??;
    let key = PublicKey::parse(&first.into_data())?;
    socket.send(Message::Binary(Bytes::new())).await?;
    let (reply, mut acks) = mpsc::unbounded_channel();
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(frame))) => take(frame, &key, &lanes, &reply).await?,
                Some(Ok(_)) => {}
                _ => return Ok(()),
            },
            Some(ack) = acks.recv() => {
                answer(&mut socket, ack).await?;
                while let Ok(ack) = acks.try_recv() {
                    answer(&mut socket, ack).await?;
                }
                socket.flush().await?;
            }
        }
    }
}

async fn take(
    frame: Bytes,
    key: &PublicKey,
    lanes: &[mpsc::Sender<Job>],
    reply: &mpsc::UnboundedSender<(u64, i64)>,
) -> Result<()> {
    let frame = wire::ClientFrame::decode(frame)?;
    let Some(Request::Publish(publish)) = frame.body else {
        bail!("the prototype knows no other request");
    };
    for entry in &publish.entries {
        let Some(Kind::Event(event)) = &entry.kind else {
            bail!("the prototype knows no control records");
        };
        let signed: [&[u8]; 2] = [&event.header, &sha256(&event.ciphertext)];
        key.verify(Label::EVENT, &signed, &event.signature)?;
        let lane = usize::from(publish.space_id[0]) % lanes.len();
        let job = Job {
            space: publish.space_id.clone(),
            entry: entry.encode_to_vec(),
            request_id: frame.request_id,
            reply: reply.clone(),
        };
        lanes[lane].send(job).await.ok().context("the lane has ended")?;
    }
    Ok(())
}

async fn answer(socket: &mut WebSocketStream<TcpStream>, (request_id, seq): (u64, i64)) -> Result<()> {
    let ack = wire::Ack {
        seq: u64::try_from(seq)?,
        ..wire::Ack::default()
    };
    let published = wire::Published {
        acks: vec![ack],
        nack: None,
    };
    let frame = wire::RelayFrame {
        request_id,
        body: Some(Answer::Published(published)),
    };
    let message = Message::Binary(frame.encode_to_vec().into());
    Ok(socket.feed(message).await?)
}

struct Lane {
    connection: PgConnection,
    /// Number and last place of each space.
    spaces: HashMap<Bytes, (i64, i64)>,
    number: usize,
}

impl Lane {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) -> Result<()> {
        let mut jobs = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut jobs, BATCH).await > 0 {
            let places: Vec<_> = jobs.iter().map(|job| self.place(&job.space)).collect();
            self.commit(&jobs, &places)
                .await
                .context("the prototype's insert failed")?;
            for (job, (_, seq)) in jobs.drain(..).zip(places) {
                // The client may be gone.
                let _ = job.reply.send((job.request_id, seq));
            }
        }
        Ok(())
    }

    fn place(&mut self, space: &Bytes) -> (i64, i64) {
        let number = self.number + LANES * self.spaces.len();
        let number = i64::try_from(number).expect("a number of spaces fits");
        let place = self.spaces.entry(space.clone()).or_insert((number, 0));
        place.1 += 1;
        *place
    }

    async fn commit(&mut self, jobs: &[Job], places: &[(i64, i64)]) -> Result<()> {
        let (spaces, seqs): (Vec<i64>, Vec<i64>) = places.iter().copied().unzip();
        let entries: Vec<&[u8]> = jobs.iter().map(|job| &job.entry[..]).collect();
        sqlx::query(
            "INSERT INTO prototype (space_no, seq, entry)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])",
        )
        .bind(spaces)
        .bind(seqs)
        .bind(entries)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }
}
