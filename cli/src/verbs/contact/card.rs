use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// Print this account's contact card, one line of text to give to others
#[derive(Args)]
pub(crate) struct Card {}

#[derive(Serialize)]
struct OwnCard {
    handle: String,
    fingerprint: String,
    card: String,
}

impl Card {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        context.report(&OwnCard {
            handle: client.account().handle,
            fingerprint: client.fingerprint().to_string(),
            card: client.contact_card(),
        })
    }
}

impl Report for OwnCard {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.card)
    }
}
