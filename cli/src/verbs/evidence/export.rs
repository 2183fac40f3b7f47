use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::files::write_new;
use crate::output::Report;

/// Write a file by which anybody can check that the relay signed two logs as one
///
/// It holds what the relay signed, hashes of events, your public keys and the alarm's words; no content and no secret. It names the space's id and you. It is
/// signed by you, so that nobody can change it. Whoever has it needs neither this device nor the relay: `sealpost evidence verify FILE`.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost evidence export garden fork.evidence")]
pub(crate) struct Export {
    #[command(flatten)]
    space: ChosenSpace,
    /// The new file
    file: PathBuf,
    /// Which of `evidence list`; by default the newest that can be proven
    #[arg(long, value_name = "N")]
    number: Option<usize>,
}

#[derive(Serialize)]
struct Exported {
    file: PathBuf,
    number: usize,
    bytes: usize,
    what: String,
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let evidence = space.evidence().await?;
        let mut pieces = evidence.iter().zip(1..);
        let found = match self.number {
            Some(wanted) => pieces.find(|(_, number)| *number == wanted),
            None => pieces.filter(|(piece, _)| piece.proof.is_some()).last(),
        };
        let (piece, number) = found.ok_or_else(|| {
            Failure::usage("there is no such evidence that others could check; see `sealpost evidence list`")
        })?;
        let file = client.export_evidence(piece)?;
        let file = file.ok_or_else(|| {
            Failure::usage(
                "this evidence is for you alone: it holds nothing that the relay has signed against itself",
            )
        })?;
        write_new(&self.file, &file)?;
        context.report(&Exported {
            file: self.file,
            number,
            bytes: file.len(),
            what: piece.alarm.what.clone(),
        })
    }
}

impl Report for Exported {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} has {} bytes. Check it: sealpost evidence verify {}",
            self.file.display(),
            self.bytes,
            self.file.display()
        )
    }
}
