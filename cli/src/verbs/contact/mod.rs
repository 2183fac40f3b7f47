//! Other people.

mod card;
mod confirm;
mod import;
mod list;
mod remove;

use std::io::{self, Write};

use clap::Subcommand;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// The people this account knows
#[derive(Subcommand)]
pub(crate) enum Contact {
    Card(card::Card),
    Import(import::Import),
    Confirm(confirm::Confirm),
    List(list::List),
    Remove(remove::Remove),
}

impl Contact {
    /// Whether the relay is asked about people, which it tells no agent.
    pub(crate) fn is_for_owners(&self) -> bool {
        matches!(self, Self::Import(verb) if verb.asks_the_relay())
    }

    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Card(verb) => verb.run(context).await,
            Self::Import(verb) => verb.run(context).await,
            Self::Confirm(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Remove(verb) => verb.run(context).await,
        }
    }
}

/// A contact as it is reported.
#[derive(Serialize)]
pub(in crate::verbs) struct ShownContact {
    pub(in crate::verbs) handle: String,
    principal_id: String,
    pub(in crate::verbs) fingerprint: String,
    confirmed: bool,
}

impl From<&sealpost_sdk::Contact> for ShownContact {
    fn from(contact: &sealpost_sdk::Contact) -> Self {
        Self {
            handle: contact.handle.clone(),
            principal_id: contact.principal_id.to_string(),
            fingerprint: contact.fingerprint().to_string(),
            confirmed: contact.confirmed_at_ms.is_some(),
        }
    }
}

impl Report for ShownContact {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let state = if self.confirmed { "confirmed" } else { "candidate" };
        writeln!(out, "{:<32}  {state}  {}", self.handle, self.fingerprint)
    }
}
