//! `config check`: whether a configuration can be used.

use std::process::ExitCode;

use clap::Subcommand;

use crate::config::{Config, Sources};

/// What to do with the configuration.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Check file, variables and secret files, and tell everything that is wrong.
    Check,
}

/// Starts nothing and connects to nothing.
pub(super) fn run(command: &Command, sources: Sources) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check => {
            let config = Config::load(sources)?;
            let rules = if config.is_production() {
                "production"
            } else {
                "development"
            };
            println!("the configuration can be used, by the rules of {rules}");
            Ok(ExitCode::SUCCESS)
        }
    }
}
