//! `account`: what an operator may do to accounts.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use sealpost_protocol::ids::AccountId;

use super::{operator, token::day};
use crate::{
    config::Config,
    directory::{AccountListing, Directory, ports::AccountState},
};

/// How many accounts are read at once.
const PAGE: u32 = 500;

/// What to do with accounts.
#[derive(Subcommand)]
pub(super) enum Command {
    /// List all.
    List,
    /// Refuse one from now on, with all its sessions.
    Disable {
        /// Its handle or id.
        account: String,
    },
    /// Let a disabled one in again.
    Enable {
        /// Its handle or id.
        account: String,
    },
    /// Delete one with its keystore. What it wrote to spaces stays.
    Delete {
        /// Its handle or id.
        account: String,
        /// Needed, because there is no way back.
        #[arg(long, required = true)]
        yes: bool,
    },
}

/// Needs the database and the key service.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let directory = operator::parts(config).await?.directory;
    match command {
        Command::List => list(&directory).await?,
        Command::Disable { account } => {
            directory
                .disable_account(find(&directory, &account).await?)
                .await?
        }
        Command::Enable { account } => {
            directory
                .enable_account(find(&directory, &account).await?)
                .await?
        }
        Command::Delete { account, yes: _ } => {
            directory
                .delete_account(find(&directory, &account).await?)
                .await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(directory: &Directory, account: &str) -> anyhow::Result<AccountId> {
    match account.parse() {
        Ok(id) => Ok(id),
        Err(_) => directory
            .account_of(account)
            .await
            .context("no account has this handle"),
    }
}

async fn list(directory: &Directory) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let page = directory.accounts(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.account_id);
        page.iter().for_each(print);
    }
}

fn print(account: &AccountListing) {
    let state = match account.state {
        AccountState::Active => "active",
        AccountState::Disabled => "disabled",
    };
    println!(
        "{}  {}  {state}  {}",
        account.account_id,
        day(account.created_at),
        account.handle
    );
}
