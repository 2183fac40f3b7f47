use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use sealpost_sdk::{Client, ExportSummary};
use serde::Serialize;

use super::alone;
use crate::context::Context;
use crate::failure::{Failure, complain};
use crate::files::{read_up_to, write_new};
use crate::output::{Report, counted, printable};
use crate::secret_input::Source;

/// No export is longer; what is named by mistake may be.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Write the account to one file, sealed under a passphrase of its own
///
/// The file holds the account's keys, the list of its spaces and its contacts. Whoever has the file and its passphrase is
/// the owner of the account's identity: keep it offline. Messages are not in it, nor the keys of spaces: where the account was
/// deleted, other members give these anew to who imports it. Spaces that have no other member are named on stderr (`only_member` with
/// --json). Without a terminal, the file's passphrase is
/// read from the file that SEALPOST_EXPORT_PASSPHRASE_FILE names.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost account export alice.sealpost\n  sealpost account export --verify alice.sealpost"
)]
pub(crate) struct Export {
    /// The new file; with --verify, one that is there
    file: PathBuf,
    /// Open the file and say what it holds; nothing is written, and neither account nor relay is needed
    #[arg(long)]
    verify: bool,
    /// Read the file's passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    export_passphrase_fd: Option<u32>,
}

#[derive(Serialize)]
struct Shown {
    file: PathBuf,
    verified: bool,
    handle: String,
    account_id: String,
    relay: String,
    principal_id: String,
    exported_at_ms: u64,
    spaces: usize,
    contacts: usize,
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let source = Source::export_passphrase(self.export_passphrase_fd, !self.verify);
        let passphrase;
        if self.verify {
            passphrase = source.read_passphrase()?;
        } else {
            if self.file.exists() {
                return Err(Failure::usage(format!(
                    "{} is there already",
                    self.file.display()
                )));
            }
            let client = context.client().await?;
            passphrase = source.read_passphrase()?;
            write_new(&self.file, &client.export(&passphrase).await?)?;
            warn_of_what_is_not_in_it(&client, context).await?;
        }
        // What was written is opened from the disk, as it will be on the day when it is needed.
        let summary = Client::inspect_export(read(&self.file)?, &passphrase).await?;
        context.report(&Shown::new(self.file, summary))
    }
}

impl Shown {
    fn new(file: PathBuf, summary: ExportSummary) -> Self {
        Self {
            file,
            verified: true,
            handle: summary.handle,
            account_id: summary.account_id.to_string(),
            relay: summary.origin,
            principal_id: summary.principal_id.to_string(),
            exported_at_ms: summary.exported_at_ms,
            spaces: summary.spaces,
            contacts: summary.contacts,
        }
    }
}

impl Report for Shown {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} opens. It holds {} at {}, principal {}, with {} and {}.",
            self.file.display(),
            printable(&self.handle),
            printable(&self.relay),
            self.principal_id,
            counted(self.spaces as u64, "space"),
            counted(self.contacts as u64, "confirmed contact")
        )
    }
}

/// The file brings back no content of a space in which nobody is left who could give it the key.
async fn warn_of_what_is_not_in_it(client: &Client, context: &Context) -> Result<(), Failure> {
    let warning = alone::warning(&alone::find(client, context).await?);
    if !warning.is_empty() {
        let said = format!(
            "the file keeps no messages, and a deleted account gets no keys back but from other members.{warning}"
        );
        complain(context.output(), "only_member", &said);
    }
    Ok(())
}

/// Reads an export.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    read_up_to(file, LONGEST)
}
