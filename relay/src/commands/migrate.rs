//! `migrate`: the database schema.

use std::process::ExitCode;

use clap::Subcommand;

use crate::config::Config;

/// What to do with the schema.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Bring the schema up to date.
    Up,
    /// Check that the schema is exactly the one this relay needs; change nothing.
    Verify,
    /// List what has run and what would.
    Status,
}

/// Needs the database only.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let url = config.database.url()?;
    match command {
        Command::Up => up(url.expose_secret()).await?,
        Command::Verify => {
            sealpost_migrations::verify(url.expose_secret()).await?;
            println!(
                "the schema is at version {}, as needed",
                sealpost_migrations::latest_version()
            );
        }
        Command::Status => status(url.expose_secret()).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn up(url: &str) -> anyhow::Result<()> {
    for name in sealpost_migrations::run(url).await? {
        println!("ran {name}");
    }
    println!(
        "the schema is at version {}",
        sealpost_migrations::latest_version()
    );
    Ok(())
}

async fn status(url: &str) -> anyhow::Result<()> {
    let status = sealpost_migrations::status(url).await?;
    for applied in &status.applied {
        let note = if applied.recognised {
            ""
        } else {
            "  (not known to this relay)"
        };
        println!("ran      {}  {}{note}", applied.applied_on, applied.name);
    }
    for name in &status.pending {
        println!("pending  {name}");
    }
    Ok(())
}
