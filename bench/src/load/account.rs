//! An account whose owner comes by with new devices.

use std::net::SocketAddr;

use anyhow::Result;
use sealpost_sdk::Client;
use tempfile::TempDir;

use super::sdk::{config, passphrase, register};

/// One account, by the SDK.
pub struct Account {
    relay: SocketAddr,
    handle: String,
    /// The first device stays.
    _client: Client,
    homes: TempDir,
}

impl Account {
    /// Registers it.
    pub async fn register(relay: SocketAddr, handle: &str) -> Result<Self> {
        let homes = tempfile::tempdir()?;
        Ok(Self {
            relay,
            handle: handle.to_owned(),
            _client: register(relay, homes.path(), handle).await?,
            homes,
        })
    }

    /// Logs in on a device that knows nothing, looks at its spaces, and logs out.
    pub async fn log_in_and_out(&self) -> Result<()> {
        let config = config(self.relay, &self.homes.path().join("new device"))?;
        let client = Box::pin(Client::login(config, &self.handle, &passphrase())).await?;
        client.spaces().await?;
        Ok(client.logout().await?)
    }
}
