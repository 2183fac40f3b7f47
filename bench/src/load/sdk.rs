//! The same by the SDK: it seals, signs, keeps what it sends on its disk, and verifies what it reads.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use sealpost_protocol::chain::Capabilities;
use sealpost_sdk::{Client, ClientConfig, Message, Packing, Passphrase, Position, Space, SpaceOptions};
use tempfile::TempDir;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    measure::{Actor, Latencies, Measured, Meter, Times, Window},
    stage::{MESSAGE, ORIGIN, fill},
};

/// Clients that are set up at once.
const AT_ONCE: usize = 2;

/// Clients that write, each on a device of its own.
pub struct SdkWriters {
    clients: Vec<Client>,
    _homes: TempDir,
}

impl SdkWriters {
    /// Registers so many.
    pub async fn register(relay: SocketAddr, count: usize) -> Result<Self> {
        let homes = tempfile::tempdir()?;
        let clients = stream::iter(0..count)
            .map(async |number| register(relay, homes.path(), &format!("sdk-writer-{number}")).await)
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Self {
            clients,
            _homes: homes,
        })
    }

    /// The clients.
    #[must_use]
    pub fn clients(&self) -> &[Client] {
        &self.clients
    }
}

/// Registers somebody who lives in a folder of `homes` of the same name.
pub(super) async fn register(relay: SocketAddr, homes: &Path, handle: &str) -> Result<Client> {
    let config = config(relay, &homes.join(handle))?;
    let (client, _recovery_code) = Client::register(config, handle, &passphrase(), None).await?;
    Ok(client)
}

pub(super) fn config(relay: SocketAddr, home: &Path) -> Result<ClientConfig> {
    let mut config = ClientConfig::new(ORIGIN, home)?;
    config.connect_to = Some(relay);
    Ok(config)
}

pub(super) fn passphrase() -> Passphrase {
    Passphrase::new("the passphrase of a load generator".to_owned())
}

/// Makes a space of `members[0]` with the others in it; returns it as each of them sees it.
pub async fn make_space(members: &[&Client]) -> Result<Vec<Space>> {
    let (owner, others) = members.split_first().context("a space needs an owner")?;
    let space = owner.create_space("a space", SpaceOptions::default()).await?;
    for other in others {
        let contact = owner.contacts().import(&other.contact_card()).await?;
        let read_out = other.fingerprint().to_string();
        let confirmed = owner.contacts().confirm(&contact.handle, &read_out).await?;
        space.add_member(&confirmed, Capabilities::WRITE).await?;
    }
    let mut spaces = vec![space.clone()];
    for other in others {
        let theirs = other.space(space.id()).await?;
        theirs.sync().await?;
        spaces.push(theirs);
    }
    Ok(spaces)
}

/// Lets each writer write to its spaces, with `window` messages in flight, and measures that.
pub async fn write_by_sdk(
    writers: &[Vec<Space>],
    window: usize,
    times: Times,
    actors: &[Actor],
) -> Result<Measured> {
    let meter = Arc::<Meter>::default();
    let latencies = Arc::<Mutex<Latencies>>::default();
    let mut running = Vec::new();
    for spaces in writers {
        let room = Arc::new(Semaphore::new(window));
        for space in spaces {
            let feeding = Feeding {
                space: space.clone(),
                meter: Arc::clone(&meter),
                latencies: Arc::clone(&latencies),
                room: Arc::clone(&room),
            };
            running.push(tokio::spawn(feeding.run()));
        }
    }
    let (window, cpu) = Window::measure(&meter, times, actors).await?;
    for ended in try_join_all(running).await? {
        ended?;
    }
    let latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Measured {
        window,
        cpu,
        latencies,
    })
}

/// One writer at one space.
struct Feeding {
    space: Space,
    meter: Arc<Meter>,
    latencies: Arc<Mutex<Latencies>>,
    /// The window of the writer, over all its spaces.
    room: Arc<Semaphore>,
}

impl Feeding {
    async fn run(self) -> Result<()> {
        let body = body();
        let fed = Arc::<Mutex<VecDeque<Instant>>>::default();
        let mut sender = self.space.sender(Packing::Natural).on_acked({
            let (meter, latencies) = (Arc::clone(&self.meter), Arc::clone(&self.latencies));
            let (room, fed) = (Arc::clone(&self.room), Arc::clone(&fed));
            move |_, _| {
                room.add_permits(1);
                let fed = fed.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                if let (true, Some(fed)) = (meter.count(1), fed) {
                    let mut latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
                    latencies.record(fed.elapsed());
                }
            }
        });
        while !self.meter.is_ended() {
            self.room.acquire().await?.forget();
            fed.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_back(Instant::now());
            sender.feed(message(&body)).await?;
        }
        sender.flush().await?;
        Ok(())
    }
}

/// Writes `count` messages, one per event, and lets a new device of the same account read them all. Returns what reading took.
pub async fn read_by_sdk(
    client: &Client,
    relay: SocketAddr,
    count: usize,
    actors: &[Actor],
) -> Result<Measured> {
    let space = client.create_space("to be read", SpaceOptions::default()).await?;
    let mut sender = space.sender(Packing::OnePerEvent);
    let body = body();
    for _ in 0..count {
        sender.feed(message(&body)).await?;
    }
    sender.flush().await?;

    let home = tempfile::tempdir()?;
    let config = config(relay, &home.path().join("reader"))?;
    let reader = Client::login(config, &client.account().handle, &passphrase()).await?;
    let read = reader.space(space.id()).await?;
    Measured::of_work(actors, async |latencies| {
        let mut messages = read.subscribe(Position::START);
        let mut last = Instant::now();
        for _ in 0..count {
            messages.next().await.context("the stream ended")??;
            latencies.record(last.elapsed());
            last = Instant::now();
        }
        Ok(count as u64)
    })
    .await
}

fn body() -> Vec<u8> {
    let mut body = vec![0; MESSAGE];
    fill(&mut body);
    body
}

fn message(body: &[u8]) -> Message {
    Message::new("application/octet-stream", body.to_vec())
}
