//! `serve`: the relay itself.

use std::process::ExitCode;

use crate::{
    app::{App, Listeners},
    config::Config,
    lifecycle::Shutdown,
};

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::default();
    shutdown.on_signals()?;
    let listeners = Listeners::bind(config.server.public_listen, config.server.ops_listen).await?;
    App::run(config, listeners, &shutdown).await?;
    Ok(ExitCode::SUCCESS)
}
