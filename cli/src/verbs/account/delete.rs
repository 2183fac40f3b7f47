use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::alone;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::question;

/// Delete the account at the relay, and everything of it on this device
///
/// Asks for the passphrase. Sessions, keystores, credentials, public keys and the handle go; other devices are cut off and
/// keep what they have stored. What was written to spaces stays in their logs, under a pseudonymous id, and that id stays
/// a member until somebody removes it: leave spaces first, and hand over those in which nobody else may manage. There is no
/// way back: neither passphrase nor recovery code opens anything afterwards.
///
/// What stands in a space that has no other member can be read by nobody any more, not by an import of the account either: such
/// spaces are named, and with --yes the command goes on only with --lose-contents. To know that it reads every space to its end.
#[derive(Args)]
pub(crate) struct Delete {
    /// Do not ask whether this is meant; the passphrase is still needed
    #[arg(long)]
    yes: bool,
    /// Lose what stands in spaces in which nobody else is, for ever
    #[arg(long)]
    lose_contents: bool,
}

#[derive(Serialize)]
struct Deleted {
    deleted: bool,
    handle: String,
}

impl Delete {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let handle = client.account().handle;
        let alone = alone::find(&client, context).await?;
        if !self.yes {
            let warning = format!("This deletes the account for good.{}", alone::warning(&alone));
            question::expect_typed(&handle, &warning)?;
        } else if !self.lose_contents {
            alone::expect_none(alone)?;
        }
        client.delete_account(&context.passphrase()?).await?;
        context.report(&Deleted {
            deleted: true,
            handle,
        })
    }
}

impl Report for Deleted {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "The account {} is deleted, and nothing of it is left in the home folder.",
            self.handle
        )
    }
}
