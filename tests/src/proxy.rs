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
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
    time,
};

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
}

/// A TCP listener that forwards. It ends when dropped, with its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<Option<Upstream>>,
    weather: watch::Sender<Weather>,
    connections: Mutex<JoinSet<()>>,
}

impl FaultProxy {
    /// Listens on a free port of this machine. Without an upstream, connections are closed at once.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: Mutex::default(),
            weather: watch::Sender::new(Weather::Fair),
            connections: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections there.
    pub fn lead_to(&self, upstream: Upstream) {
        *self.shared.upstream.lock().unwrap() = Some(upstream);
    }

    /// Changes what happens to bytes, those on their way included.
    pub fn set_weather(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Cuts every open connection, as a cable would be cut: what was on its way is lost.
    pub fn cut(&self) {
        self.shared.connections.lock().unwrap().abort_all();
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        let mut connections = self.shared.connections.lock().unwrap();
        while connections.try_join_next().is_some() {}
        connections.len()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let upstream = shared.upstream.lock().unwrap().clone();
        let weather = shared.weather.subscribe();
        let refusing = *weather.borrow() == Weather::Refusing;
        if let Some(upstream) = upstream.filter(|_| !refusing) {
            let connection = connect(client, upstream, weather);
            shared.connections.lock().unwrap().spawn(connection);
        }
    }
}

/// Ends when either side does.
async fn connect(client: TcpStream, upstream: Upstream, weather: watch::Receiver<Weather>) {
    // Small frames must not wait for each other; it fails only on a dead socket.
    let _ = client.set_nodelay(true);
    match upstream {
        Upstream::Tcp(address) => {
            let Ok(server) = TcpStream::connect(address).await else {
                return;
            };
            let _ = server.set_nodelay(true);
            forward(client, server, weather).await;
        }
        Upstream::Unix(path) => {
            let Ok(server) = UnixStream::connect(path).await else {
                return;
            };
            forward(client, server, weather).await;
        }
    }
}

async fn forward(
    client: impl AsyncRead + AsyncWrite,
    server: impl AsyncRead + AsyncWrite,
    weather: watch::Receiver<Weather>,
) {
    let (client_reads, client_writes) = split(client);
    let (server_reads, server_writes) = split(server);
    let up = pump(client_reads, server_writes, weather.clone());
    let down = pump(server_reads, client_writes, weather);
    // Either error ends both; there is nobody to tell.
    let _ = tokio::try_join!(up, down);
}

/// Passes bytes on as the weather allows, and the end of them, too.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut bytes).await?;
        pass(&mut weather).await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..length]).await?;
    }
}

/// Waits for as long as the weather holds bytes up.
async fn pass(weather: &mut watch::Receiver<Weather>) {
    loop {
        let now = *weather.borrow_and_update();
        match now {
            Weather::Fair | Weather::Refusing => return,
            Weather::Slow(delay) => return time::sleep(delay).await,
            Weather::Silent => {
                if weather.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}
