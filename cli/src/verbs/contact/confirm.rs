use std::io::{self, IsTerminal, Write};

use clap::Args;
use sealpost_sdk::protocol::manifest::Fingerprint;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// Confirm that a candidate is who they say, by the fingerprint that they read out
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost contact confirm bob \
                        --fingerprint '01234 56789 01234 56789 01234 56789 01234 56789'")]
pub(crate) struct Confirm {
    /// Whom
    handle: String,
    /// Their fingerprint as they told it; asked for on the terminal by default
    #[arg(long, value_name = "DIGITS OR WORDS")]
    fingerprint: Option<String>,
}

#[derive(Serialize)]
struct Confirmed {
    handle: String,
    principal_id: String,
    fingerprint: String,
    confirmed: bool,
}

impl Confirm {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let contacts = context.client().await?.contacts();
        let fingerprint = match self.fingerprint {
            Some(fingerprint) => fingerprint,
            None => ask(&self.handle)?,
        };
        let contact = contacts.confirm(&self.handle, &fingerprint).await?;
        let principal_id = contact.manifest().id();
        context.report(&Confirmed {
            handle: self.handle,
            principal_id: principal_id.to_string(),
            fingerprint: Fingerprint::of(&principal_id).to_string(),
            confirmed: true,
        })
    }
}

/// Asks for what the other person reads out. It is typed, not shown for a yes: a yes comes too easily.
fn ask(handle: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("give their fingerprint with --fingerprint"));
    }
    eprint!("Fingerprint of {handle}, as they read it out: ");
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|source| Failure::file("the terminal", source))?;
    Ok(line.trim().to_owned())
}

impl Report for Confirmed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} is confirmed.", self.handle)
    }
}
