//! The two listeners: bound before anything else, so that a clash of ports shows at once.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::AppError;

/// The public listener and the ops listener. Connections wait in them until the relay is ready.
#[derive(Debug)]
pub struct Listeners {
    /// For clients.
    pub public: TcpListener,
    /// For operators.
    pub ops: TcpListener,
}

impl Listeners {
    /// Binds both; port 0 takes any free port.
    ///
    /// # Errors
    /// [`AppError::Listen`].
    pub async fn bind(public: SocketAddr, ops: SocketAddr) -> Result<Self, AppError> {
        Ok(Self {
            public: bind(public).await?,
            ops: bind(ops).await?,
        })
    }

    /// Where clients connect.
    ///
    /// # Errors
    /// When the system has lost the socket.
    pub fn public_address(&self) -> Result<SocketAddr, AppError> {
        self.public.local_addr().map_err(AppError::Socket)
    }

    /// Where operators connect.
    ///
    /// # Errors
    /// When the system has lost the socket.
    pub fn ops_address(&self) -> Result<SocketAddr, AppError> {
        self.ops.local_addr().map_err(AppError::Socket)
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| AppError::Listen { address, source })
}
