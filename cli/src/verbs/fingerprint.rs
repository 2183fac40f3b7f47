use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// Show what others compare before they trust this account
#[derive(Args)]
#[command(after_help = "Read it out to the other person, over a channel that is not this relay.")]
pub(crate) struct ShowFingerprint {}

#[derive(Serialize)]
struct OwnFingerprint {
    handle: String,
    fingerprint: String,
}

impl ShowFingerprint {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        context.report(&OwnFingerprint {
            handle: client.account().handle,
            fingerprint: client.fingerprint().to_string(),
        })
    }
}

impl Report for OwnFingerprint {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.fingerprint)
    }
}
