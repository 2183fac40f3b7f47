//! `token`: registration tokens.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Subcommand;
use time::OffsetDateTime;

use super::operator;
use crate::{
    config::Config,
    directory::{TokenListing, TokenRequest, ids::TokenId},
};

/// What to do with registration tokens.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Make one and print it. It is shown this once.
    Create {
        /// How many accounts it makes.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// For how many days it counts.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=36500))]
        days: u32,
        /// What to remember about it.
        #[arg(long)]
        note: Option<String>,
    },
    /// List all, without the tokens themselves.
    List,
    /// Make one count no more.
    Revoke {
        /// Its id, as `list` shows it.
        id: String,
    },
}

/// Needs the database and the key service.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let directory = operator::parts(config).await?.directory;
    match command {
        Command::Create { uses, days, note } => {
            let lifetime = Some(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
            let issued = directory
                .create_token(&TokenRequest { uses, lifetime, note })
                .await?;
            println!("{}", *issued.token.expose_text());
        }
        Command::List => directory.tokens().await?.iter().for_each(print),
        Command::Revoke { id } => directory.revoke_token(parse(&id)?).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(id: &str) -> anyhow::Result<TokenId> {
    let mut bytes = [0; 16];
    hex::decode_to_slice(id, &mut bytes)
        .context("an id is 32 hexadecimal digits, as `token list` shows them")?;
    Ok(TokenId::new(bytes))
}

fn print(token: &TokenListing) {
    let id = hex::encode(token.token_id.as_bytes());
    let state = match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(expires)) => format!("until {}", day(expires)),
        (None, None) => "for ever".to_owned(),
    };
    let note = token.note.as_deref().unwrap_or_default();
    println!(
        "{id}  {}/{} left  {state}  {note}",
        token.uses_left, token.uses_total
    );
}

/// The date, as `2026-11-20`.
pub(super) fn day(time: OffsetDateTime) -> String {
    time.date().to_string()
}
