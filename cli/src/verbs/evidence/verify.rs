use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use sealpost_sdk::protocol::evidence::{self, Verdict};
use sealpost_sdk::protocol::limits::MAX_EVIDENCE;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::files::read_up_to;
use crate::output::{Report, moment_of, printable};

/// Check a file of evidence; neither an account nor the relay is needed
///
/// What it proves is proven against whoever holds the relay's checkpoint key: compare the one it names with the relay's own (`checkpoint_key` in
/// GET /v1/info). Exit code 5 says that the file proves nothing.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost evidence verify fork.evidence")]
pub(crate) struct Verify {
    /// The file
    file: PathBuf,
    /// The relay's checkpoint key, 64 hex digits: another one in the file is refused
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    file: PathBuf,
    proven: bool,
    relay: String,
    checkpoint_key: String,
    space: String,
    incarnation: String,
    seq: u64,
    root: String,
    other_root: String,
    seen_by: Option<String>,
    signed_up_to: u64,
    alarm: String,
    at_ms: u64,
    exporter: String,
}

impl Verify {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let bytes = read_up_to(&self.file, MAX_EVIDENCE as u64)?;
        let verdict = evidence::verify(&bytes.into())
            .map_err(|error| Failure::proves_nothing(format!("{}: {error}", self.file.display())))?;
        let key = hex::encode(verdict.checkpoint_key.as_bytes());
        if self
            .key
            .is_some_and(|expected| !expected.eq_ignore_ascii_case(&key))
        {
            return Err(Failure::proves_nothing(format!(
                "{}: it is signed with another key, {key}",
                self.file.display()
            )));
        }
        context.report(&Shown::new(self.file, key, &verdict))
    }
}

impl Shown {
    fn new(file: PathBuf, checkpoint_key: String, verdict: &Verdict) -> Self {
        Self {
            file,
            proven: true,
            relay: verdict.origin.clone(),
            checkpoint_key,
            space: verdict.shown.space_id.to_string(),
            incarnation: verdict.shown.incarnation.to_string(),
            seq: verdict.place.seq,
            root: verdict.place.root.to_string(),
            other_root: verdict.other_root.to_string(),
            seen_by: verdict.seen_by.map(|id| id.to_string()),
            signed_up_to: verdict.shown.at.seq,
            alarm: verdict.what.clone(),
            at_ms: verdict.at_ms,
            exporter: verdict.exporter.to_string(),
        }
    }
}

impl Report for Shown {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "It holds: the relay {} signed two logs as one.",
            printable(&self.relay)
        )?;
        writeln!(
            out,
            "  checkpoint key   {}  (compare it with the relay's)",
            self.checkpoint_key
        )?;
        writeln!(out, "  space            {}", self.space)?;
        writeln!(out, "  at seq {}, one log has the root {}", self.seq, self.root)?;
        writeln!(out, "  and another has  {}", self.other_root)?;
        match &self.seen_by {
            Some(author) => writeln!(
                out,
                "  the first is signed by the relay (up to seq {}); the second was seen by {author}, whose event it took into the first",
                self.signed_up_to
            )?,
            None => writeln!(
                out,
                "  both are signed by the relay, the first up to seq {}",
                self.signed_up_to
            )?,
        }
        writeln!(
            out,
            "  exported by {}, alarm of {}: {}",
            self.exporter,
            moment_of(self.at_ms / 1000),
            printable(&self.alarm)
        )
    }
}
