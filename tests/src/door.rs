//! What stands between two parts listens by this.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// A port of this machine that was free a moment ago, for who has to know it before it listens.
#[must_use]
pub fn free_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A TCP listener that gives each connection a task. It ends when dropped, with its connections.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    connections: Arc<Mutex<JoinSet<()>>>,
    accepting: AbortHandle,
}

impl Door {
    /// Listens on a free port of this machine. A connection lasts as long as what `serve` makes of it.
    pub async fn open<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::behind(listener, serve)
    }

    /// The same behind a listener.
    pub fn behind<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let connections = Arc::<Mutex<JoinSet<()>>>::default();
        let open = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut open = open.lock().unwrap();
                while open.try_join_next().is_some() {}
                open.spawn(serve(client));
            }
        });
        Self {
            address,
            connections,
            accepting: accepting.abort_handle(),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every open connection, as a cable would be cut: what was on its way is lost. Returns how many there were.
    pub fn cut(&self) -> usize {
        let mut open = self.connections.lock().unwrap();
        while open.try_join_next().is_some() {}
        open.abort_all();
        open.len()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}
