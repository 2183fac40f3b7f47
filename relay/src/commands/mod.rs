//! What `sealpost-relay` can be told to do: one file per verb.

mod account;
mod backup;
mod blobs;
mod config;
mod dev;
mod doctor;
mod healthcheck;
mod kms;
mod migrate;
mod operator;
mod serve;
mod token;

use std::{io, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    config::{Config, Sources, TelemetryConfig},
    telemetry,
};

/// An end-to-end encrypted relay.
#[derive(Parser)]
#[command(name = "sealpost-relay", version, about, max_term_width = 100)]
struct Arguments {
    /// The configuration file.
    #[arg(long, global = true, env = "SEALPOST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve clients until told to end.
    Serve,
    /// Run a whole relay for development, with its own Postgres and keys, all kept in one folder.
    Dev(dev::Arguments),
    /// Change or look at the database schema.
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Check a deployment and say what to fix.
    Doctor,
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Ask a running relay whether it is ready; exit code 1 if not.
    Healthcheck(healthcheck::Arguments),
    /// Registration tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Accounts.
    #[command(subcommand)]
    Account(account::Command),
    /// Make, verify, restore and prune backups.
    #[command(subcommand)]
    Backup(backup::Command),
    /// Members' files.
    #[command(subcommand)]
    Blobs(blobs::Command),
    /// Keys of data at rest.
    #[command(subcommand)]
    Kms(kms::Command),
}

/// Reads the command line, does what it says, and gives the exit code: 0, 1 on failure, 2 for a wrong command line.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sealpost-relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let sources = Sources::of_process(arguments.config);
    match arguments.command {
        Command::Serve => serve::run(load(sources)?).await,
        Command::Dev(arguments) => dev::run(arguments, sources).await,
        Command::Migrate(command) => migrate::run(command, &load(sources)?).await,
        Command::Doctor => doctor::run(sources).await,
        Command::Config(command) => config::run(&command, sources),
        Command::Healthcheck(arguments) => healthcheck::run(arguments, sources).await,
        Command::Token(command) => token::run(command, &load(sources)?).await,
        Command::Account(command) => account::run(command, &load(sources)?).await,
        Command::Backup(command) => backup::run(command, sources).await,
        Command::Blobs(command) => blobs::run(command, &load(sources)?).await,
        Command::Kms(command) => kms::run(command, &load(sources)?).await,
    }
}

/// The checked configuration; logging begins as it says.
fn load(sources: Sources) -> anyhow::Result<Config> {
    let config = Config::load(sources)?;
    begin_logging(&config.telemetry)?;
    Ok(config)
}

fn begin_logging(config: &TelemetryConfig) -> anyhow::Result<()> {
    Ok(telemetry::install(config, io::stderr)?)
}
