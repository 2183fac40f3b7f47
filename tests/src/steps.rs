//! A proxy that counts the requests of a client and can stop the world at one of them.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::door::Door;

/// When the world stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The relay has the request and is about to act on it.
    Asked,
    /// The relay has acted on it; its answer is on the way.
    Answered,
}

/// A step of what a client does: one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Requests before it.
    pub after: usize,
    /// When.
    pub moment: Moment,
}

/// Forwards plain HTTP/1.1, one request after the other. It ends when dropped.
#[derive(Debug)]
pub struct StepProxy {
    shared: Arc<Shared>,
    door: Door,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    reached: Notify,
}

#[derive(Debug, Default)]
struct State {
    upstream: Option<SocketAddr>,
    requests: usize,
    stop: Option<Step>,
}

impl StepProxy {
    /// Listens on a free port of this machine. Without an upstream, connections are closed at once.
    pub async fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        let door = Door::open(move |client| serve(client, Arc::clone(&serving))).await;
        Self { shared, door }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Leads new connections there.
    pub fn lead_to(&self, upstream: SocketAddr) {
        self.shared.state().upstream = Some(upstream);
    }

    /// Counts from here on; returns how many requests there were before.
    pub fn count_anew(&self) -> usize {
        std::mem::take(&mut self.shared.state().requests)
    }

    /// Counts from here on, and holds the client at `step` until the relay is gone.
    pub fn stop_at(&self, step: Step) {
        let mut state = self.shared.state();
        state.requests = 0;
        state.stop = Some(step);
    }

    /// Returns when the step is reached.
    pub async fn reached(&self) {
        self.shared.reached.notified().await;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Counts a request; the moment at which the world is to stop, if it is this one.
    fn count(&self) -> Option<Moment> {
        let mut state = self.state();
        let number = state.requests;
        state.requests += 1;
        let step = state.stop.take_if(|step| step.after == number)?;
        Some(step.moment)
    }
}

async fn serve(client: TcpStream, shared: Arc<Shared>) {
    // Either side may end a connection at any time.
    let _ = forward(client, &shared).await;
}

async fn forward(client: TcpStream, shared: &Shared) -> io::Result<()> {
    let upstream = shared.state().upstream.ok_or(io::ErrorKind::ConnectionRefused)?;
    let mut client = BufReader::new(client);
    let mut relay = BufReader::new(TcpStream::connect(upstream).await?);
    loop {
        let request = read(&mut client).await?;
        let stop = shared.count();
        relay.write_all(&request).await?;
        if stop == Some(Moment::Asked) {
            shared.reached.notify_one();
            return until_gone(&mut relay).await;
        }
        let answer = read(&mut relay).await?;
        if stop == Some(Moment::Answered) {
            shared.reached.notify_one();
            return until_gone(&mut relay).await;
        }
        client.write_all(&answer).await?;
    }
}

/// Waits until the relay is gone; its client hears of nothing before.
async fn until_gone(relay: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut rest = Vec::new();
    relay.read_to_end(&mut rest).await?;
    Ok(())
}

/// A whole message: head, and as much body as it announces.
async fn read(from: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    loop {
        let start = bytes.len();
        if from.read_until(b'\n', &mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&bytes[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    let body = bytes.len();
    bytes.resize(body + length, 0);
    from.read_exact(&mut bytes[body..]).await?;
    Ok(bytes)
}
