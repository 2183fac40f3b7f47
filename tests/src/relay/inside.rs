//! A relay in this process.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use sealpost_relay::{
    app::{self, App, AppError, Listeners, Parts},
    blobs::BlobKeeper,
    lifecycle::Shutdown,
};
use tokio::task::JoinHandle;

use super::{Addresses, RelayOptions};
use crate::command::relay_program;

/// A relay in this process, on ports of its own. Dropping it cuts it.
pub struct Relay {
    addresses: Addresses,
    parts: Parts,
    shutdown: Shutdown,
    running: JoinHandle<Result<(), AppError>>,
    options: RelayOptions,
}

impl Relay {
    /// Starts it; when this returns, it serves.
    pub async fn start(options: RelayOptions) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let listeners = Listeners::bind(any, any).await.unwrap();
        let addresses = Addresses {
            public: listeners.public_address().unwrap(),
            ops: listeners.ops_address().unwrap(),
        };
        let app = App::start(options.config_at(addresses), listeners).await.unwrap();
        let (parts, shutdown) = (app.parts().clone(), Shutdown::default());
        let request = shutdown.clone();
        let running = tokio::spawn(async move { app.until(&request).await });
        Self {
            addresses,
            parts,
            shutdown,
            running,
            options,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What it is made of.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Who keeps its ledger and its storage in step.
    ///
    /// # Panics
    /// When it has no storage.
    #[must_use]
    pub fn blob_keeper(&self) -> BlobKeeper {
        let config = self.options.config_at(self.addresses);
        let keeper = app::blob_keeper(&config, &self.parts).unwrap();
        keeper.expect("it has a storage")
    }

    /// The operator's command beside it, with the configuration of this relay in this file.
    ///
    /// # Panics
    /// When the file cannot be written, or the workspace was not built.
    #[must_use]
    pub fn operator(&self, file: &Path) -> Command {
        fs::write(file, self.options.table(self.addresses).to_string()).unwrap();
        let mut command = Command::new(relay_program());
        command
            .arg("--config")
            .arg(file)
            .envs(self.options.variables())
            .stdin(Stdio::null());
        command
    }

    /// Asks it to end and waits until it has drained.
    pub async fn stop(self) {
        self.shutdown.request();
        self.running.await.unwrap().unwrap();
    }
}
