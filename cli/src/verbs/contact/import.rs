use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::ShownContact;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// A card is shorter; what is piped in by mistake may be longer.
const LONGEST: u64 = 64 * 1024;

/// Take in someone's contact card
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost contact import bob.card\n  sealpost contact import --handle bob"
)]
pub(crate) struct Import {
    /// File that holds the card; standard input by default
    #[arg(conflicts_with = "handle")]
    file: Option<PathBuf>,
    /// Ask the relay for the card of this handle instead
    #[arg(long)]
    handle: Option<String>,
}

#[derive(Serialize)]
struct Imported(ShownContact);

impl Import {
    pub(super) fn asks_the_relay(&self) -> bool {
        self.handle.is_some()
    }

    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let contacts = context.client().await?.contacts();
        let contact = match &self.handle {
            Some(handle) => contacts.look_up(handle).await?,
            None => contacts.import(&self.read_card()?).await?,
        };
        context.report(&Imported(ShownContact::from(&contact)))
    }

    fn read_card(&self) -> Result<String, Failure> {
        let mut card = String::new();
        match &self.file {
            Some(file) => File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut card)),
            None => io::stdin().take(LONGEST).read_to_string(&mut card),
        }
        .map_err(|source| Failure::file("the contact card", source))?;
        Ok(card)
    }
}

impl Report for Imported {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Self(contact) = self;
        if contact.confirmed {
            return writeln!(out, "{} is confirmed already.", contact.handle);
        }
        writeln!(out, "{} is a candidate with the fingerprint", contact.handle)?;
        writeln!(out, "\n    {}\n", contact.fingerprint)?;
        writeln!(
            out,
            "Ask them for theirs, not over this relay; then `sealpost contact confirm {}`.",
            contact.handle
        )
    }
}
