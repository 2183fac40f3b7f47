//! `dev`: a whole relay on one machine, with everything it needs.

mod announcement;
pub(super) mod base;
mod private_file;
mod servers;
mod token;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};

use self::announcement::Announcement;
pub(super) use self::servers::Servers;
use crate::{
    app::{App, Listeners},
    config::{Config, Sources},
    lifecycle::Shutdown,
};

/// How to run.
#[derive(Args)]
pub(super) struct Arguments {
    /// Where everything is kept.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Where clients connect.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7450")]
    listen: SocketAddr,
    /// Where health and metrics are asked for.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7451")]
    ops_listen: SocketAddr,
    /// Where clients reach the store of files.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7452")]
    store_listen: SocketAddr,
    /// What wraps the keys of data at rest: a key file, or a real OpenBao of its own.
    #[arg(long, value_enum, default_value_t = Kms::File)]
    kms: Kms,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kms {
    File,
    #[value(name = "openbao")]
    OpenBao,
}

/// Starts servers and relay; ends them, the relay first, on SIGINT or SIGTERM.
pub(super) async fn run(arguments: Arguments, sources: Sources) -> anyhow::Result<ExitCode> {
    let sources = sources.over(base::of_everyone());
    super::begin_logging(&sources.telemetry()?)?;
    let shutdown = Shutdown::default();
    shutdown.on_signals()?;
    // Even when told to end meanwhile: a server is easier to stop once it has started.
    let mut servers = Servers::start(
        &arguments.data,
        arguments.store_listen,
        arguments.kms == Kms::OpenBao,
    )
    .await?;
    let outcome = serve(&arguments, sources, &mut servers, &shutdown).await;
    servers.stop().await?;
    outcome?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    arguments: &Arguments,
    sources: Sources,
    servers: &mut Servers,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    // Bound first, because the port may be any free one and belongs into the public URL.
    let listeners = Listeners::bind(arguments.listen, arguments.ops_listen).await?;
    let addresses = (listeners.public_address()?, listeners.ops_address()?);
    let this = base::of_this(servers, addresses)?;
    let config = Config::load(sources.over(this.clone()))?;

    let app = App::start(config, listeners).await?;
    let token = token::current(&arguments.data, &app.parts().directory).await?;
    let database_url = servers.database_url();
    let announcement = Announcement::new(&arguments.data, addresses, token, database_url, &this)?;
    announcement.make()?;
    let outcome = tokio::select! {
        outcome = app.until(shutdown) => outcome.map_err(Into::into),
        error = servers.ended() => Err(error),
    };
    announcement.withdraw()?;
    outcome
}
