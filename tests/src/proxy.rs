//! A network between two parts, with faults on command.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::{TcpStream, UnixStream},
    sync::watch,
    time,
};

use crate::door::Door;

/// Where a proxy leads.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// To a TCP listener.
    Tcp(SocketAddr),
    /// To a unix socket, such as Postgres's.
    Unix(PathBuf),
}

/// What happens to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// They pass.
    Fair,
    /// They pass after this long, in both directions.
    Slow(Duration),
    /// They do not pass, and nobody is told: both ends believe in the connection.
    Silent,
    /// New connections are closed at once.
    Refusing,
    /// New connections are answered as a busy HTTP server does, with 503.
    Busy,
}

/// A TCP listener that forwards. It ends when dropped, with its connections.
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Shared>,
    door: Door,
}

#[derive(Debug)]
struct Shared {
    upstreams: Mutex<Vec<Upstream>>,
    weather: watch::Sender<Weather>,
    /// Bytes that have passed, in both directions together.
    passed: watch::Sender<u64>,
    /// Connections that the weather turned away.
    refused: watch::Sender<u64>,
    /// Of each open connection, what tells it to freeze.
    frosts: Mutex<Vec<watch::Sender<bool>>>,
}

impl FaultProxy {
    /// Listens on a free port of this machine. Without an upstream, connections are closed at once.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            upstreams: Mutex::default(),
            weather: watch::Sender::new(Weather::Fair),
            passed: watch::Sender::default(),
            refused: watch::Sender::default(),
            frosts: Mutex::default(),
        });
        let (shared, serving) = (Arc::clone(&shared), shared);
        let door = Door::open(move |client| serving.connection(client)).await;
        Self { shared, door }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Leads new connections there.
    pub fn lead_to(&self, upstream: Upstream) {
        self.lead_to_any(vec![upstream]);
    }

    /// Leads each new connection to the next of these that takes it, as a balancer does.
    pub fn lead_to_any(&self, upstreams: Vec<Upstream>) {
        *self.shared.upstreams.lock().unwrap() = upstreams;
    }

    /// Changes what happens to bytes, those on their way included.
    pub fn set_weather(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Bytes that have passed so far, in both directions together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        *self.shared.passed.borrow()
    }

    /// Waits until so many bytes have passed.
    ///
    /// # Panics
    /// Never: the counter lives as long as this.
    pub async fn passed(&self, bytes: u64) {
        let mut passed = self.shared.passed.subscribe();
        let waiting = passed.wait_for(|passed| *passed >= bytes);
        waiting.await.expect("the counter lives as long as this");
    }

    /// Connections that [`Weather::Refusing`] or [`Weather::Busy`] has turned away so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        *self.shared.refused.borrow()
    }

    /// Waits until so many were turned away.
    ///
    /// # Panics
    /// Never: the counter lives as long as this.
    pub async fn refuses(&self, connections: u64) {
        let mut refused = self.shared.refused.subscribe();
        let waiting = refused.wait_for(|refused| *refused >= connections);
        waiting.await.expect("the counter lives as long as this");
    }

    /// Cuts every open connection, as a cable would be cut: what was on its way is lost. Returns how many there were.
    pub fn cut(&self) -> usize {
        self.door.cut()
    }

    /// Makes open connections half-open for good: no byte passes any more, and nobody is told. `which` is asked for each, by
    /// its number and how many there are, and new connections are not touched; returns how many were chosen.
    pub fn freeze(&self, which: impl Fn(usize, usize) -> bool) -> usize {
        let mut frosts = self.shared.frosts.lock().unwrap();
        frosts.retain(|frost| !frost.is_closed() && !*frost.borrow());
        let open = frosts.len();
        let chosen: Vec<usize> = (0..open).filter(|number| which(*number, open)).collect();
        for number in &chosen {
            frosts[*number].send_replace(true);
        }
        chosen.len()
    }
}

impl Shared {
    /// Where a new connection leads, and through which weather, is decided when it comes.
    fn connection(&self, client: TcpStream) -> impl Future<Output = ()> + use<> {
        let sky = Sky {
            weather: self.weather.subscribe(),
            passed: self.passed.clone(),
            frost: self.watch_frost(),
        };
        let mut upstreams = self.next_upstreams();
        let weather = *sky.weather.borrow();
        if matches!(weather, Weather::Refusing | Weather::Busy) {
            upstreams.clear();
            self.refused.send_modify(|refused| *refused += 1);
        }
        async move {
            match weather {
                Weather::Busy => answer_busy(client).await,
                _ => connect(client, upstreams, sky).await,
            }
        }
    }

    /// Where a new connection may be led, in this order; the next one begins with another.
    fn next_upstreams(&self) -> Vec<Upstream> {
        let mut upstreams = self.upstreams.lock().unwrap();
        if !upstreams.is_empty() {
            upstreams.rotate_left(1);
        }
        upstreams.clone()
    }

    fn watch_frost(&self) -> watch::Receiver<bool> {
        let (frost, watched) = watch::channel(false);
        let mut frosts = self.frosts.lock().unwrap();
        frosts.retain(|frost| !frost.is_closed());
        frosts.push(frost);
        watched
    }
}

/// What holds up the bytes of one connection.
#[derive(Clone)]
struct Sky {
    weather: watch::Receiver<Weather>,
    passed: watch::Sender<u64>,
    frost: watch::Receiver<bool>,
}

/// Answers the first request, whatever it is; its body is not read.
async fn answer_busy(mut client: TcpStream) {
    const BUSY: &[u8] = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mut head = [0; 1];
    // There is nobody to tell.
    if client.read_exact(&mut head).await.is_ok() {
        let _ = client.write_all(BUSY).await;
        let _ = client.shutdown().await;
    }
}

/// Ends when either side does.
async fn connect(client: TcpStream, upstreams: Vec<Upstream>, sky: Sky) {
    // Small frames must not wait for each other; it fails only on a dead socket.
    let _ = client.set_nodelay(true);
    for upstream in upstreams {
        match upstream {
            Upstream::Tcp(address) => {
                let Ok(server) = TcpStream::connect(address).await else {
                    continue;
                };
                let _ = server.set_nodelay(true);
                return forward(client, server, sky).await;
            }
            Upstream::Unix(path) => {
                let Ok(server) = UnixStream::connect(path).await else {
                    continue;
                };
                return forward(client, server, sky).await;
            }
        }
    }
}

async fn forward(client: impl AsyncRead + AsyncWrite, server: impl AsyncRead + AsyncWrite, sky: Sky) {
    let (client_reads, client_writes) = split(client);
    let (server_reads, server_writes) = split(server);
    let up = pump(client_reads, server_writes, sky.clone());
    let down = pump(server_reads, client_writes, sky);
    // Either error ends both; there is nobody to tell.
    let _ = tokio::try_join!(up, down);
}

/// Passes bytes on as the weather allows, and the end of them, too.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut sky: Sky,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut bytes).await?;
        sky.pass().await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..length]).await?;
        sky.passed.send_modify(|passed| *passed += length as u64);
    }
}

impl Sky {
    /// Waits for as long as bytes are held up: for good, if the connection is frozen.
    async fn pass(&mut self) {
        self.weather_passes().await;
        if *self.frost.borrow() {
            std::future::pending::<()>().await;
        }
    }

    async fn weather_passes(&mut self) {
        loop {
            let now = *self.weather.borrow_and_update();
            match now {
                Weather::Fair | Weather::Refusing | Weather::Busy => return,
                Weather::Slow(delay) => return time::sleep(delay).await,
                Weather::Silent => {
                    if self.weather.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
