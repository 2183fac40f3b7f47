use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::space::{Evidence, Weight};
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, moment_of, printable};

/// List what raised alarms about a space on this device
///
/// The last sixteen of each kind are kept: those that stopped the space, and those that it went on without. A provable one can be
/// exported (`evidence export`). One that stands keeps the space stopped, until `evidence acknowledge`.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost evidence list garden")]
pub(crate) struct List {
    #[command(flatten)]
    space: ChosenSpace,
}

#[derive(Serialize)]
struct Listed {
    evidence: Vec<Piece>,
}

/// One alarm.
#[derive(Serialize)]
struct Piece {
    /// By which `export` finds it, from 1, the oldest first.
    number: usize,
    at_ms: u64,
    what: String,
    seq: Option<u64>,
    event_id: Option<String>,
    /// How long the frame is that raised it.
    bytes: usize,
    /// Whether a third party can check it.
    provable: bool,
    /// What it did to the space: passing (it went on), stopping (it is tried anew when it is opened again), standing, acknowledged.
    weight: &'static str,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let evidence = space.evidence().await?;
        let pieces = evidence
            .iter()
            .zip(1..)
            .map(|(piece, number)| Piece::new(piece, number));
        context.report(&Listed {
            evidence: pieces.collect(),
        })
    }
}

impl Piece {
    fn new(piece: &Evidence, number: usize) -> Self {
        Self {
            number,
            at_ms: piece.at_ms,
            what: piece.alarm.what.clone(),
            seq: piece.alarm.seq,
            event_id: piece.alarm.event_id.map(|id| id.to_string()),
            bytes: piece.bytes.len(),
            provable: piece.proof.is_some(),
            weight: word_of(piece.weight),
        }
    }
}

fn word_of(weight: Weight) -> &'static str {
    match weight {
        Weight::Passing => "passing",
        Weight::Stopping => "stopping",
        Weight::Standing => "standing",
        Weight::Acknowledged => "acknowledged",
    }
}

impl Report for Listed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        if self.evidence.is_empty() {
            return writeln!(
                out,
                "Nothing about this space has raised an alarm on this device."
            );
        }
        self.evidence.iter().try_for_each(|piece| {
            let provable = if piece.provable { ", provable" } else { "" };
            let place = piece.seq.map(|seq| format!(", seq {seq}")).unwrap_or_default();
            writeln!(
                out,
                "{}  {}  {}{place}, {}{provable}",
                piece.number,
                moment_of(piece.at_ms / 1000),
                printable(&piece.what),
                piece.weight
            )
        })
    }
}
