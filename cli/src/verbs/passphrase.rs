use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::secret_input::Source;

/// The account's passphrase
#[derive(Subcommand)]
pub(crate) enum Passphrase {
    Change(Change),
}

/// Change the passphrase
///
/// The old one opens the account until the relay has switched to the new one in a single step. Without a terminal, the
/// old passphrase is read from the file that SEALPOST_PASSPHRASE_FILE names, the new one from
/// SEALPOST_NEW_PASSPHRASE_FILE.
#[derive(Args)]
pub(crate) struct Change {
    /// Read the new passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    new_passphrase_fd: Option<u32>,
}

#[derive(Serialize)]
struct Changed {
    passphrase_changed: bool,
}

impl Passphrase {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self::Change(change) = self;
        change.run(context).await
    }
}

impl Change {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let old = context.passphrase()?;
        let new = Source::new_passphrase(self.new_passphrase_fd).read_passphrase()?;
        client.change_passphrase(&old, &new).await?;
        context.report(&Changed {
            passphrase_changed: true,
        })
    }
}

impl Report for Changed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "The passphrase is changed. Other devices stay logged in: see `sealpost devices list`."
        )
    }
}
