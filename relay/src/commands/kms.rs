//! `kms`: keys of data at rest.

use std::process::ExitCode;

use clap::Subcommand;

use super::operator;
use crate::{
    atrest::{RewrapProgress, rewrap},
    config::Config,
};

/// What to do with keys.
#[derive(Subcommand)]
pub(super) enum Command {
    /// After a rotation: bring every data key under the newest version, while the relay serves.
    Rewrap,
}

/// Needs the database and the key service.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::Rewrap => {
            let parts = operator::parts(config).await?;
            let done = rewrap(&*parts.wrapper, &parts.store, show_progress).await?;
            println!("{}", report(&done));
            Ok(if done.corrupt.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

/// How far a long run is. Of the last page the result tells.
fn show_progress(progress: &RewrapProgress) {
    if progress.done() < progress.total {
        eprintln!("{}", report(progress));
    }
}

fn report(progress: &RewrapProgress) -> String {
    format!(
        "{} data keys: {} wrapped again, {} already under the newest version, {} changed meanwhile, {} do not open",
        progress.total,
        progress.rewrapped,
        progress.current,
        progress.overtaken,
        progress.corrupt.len(),
    )
}
