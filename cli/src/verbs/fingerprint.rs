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
    fingerprint_words: String,
}

impl ShowFingerprint {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let fingerprint = client.fingerprint();
        context.report(&OwnFingerprint {
            handle: client.account().handle,
            fingerprint: fingerprint.to_string(),
            fingerprint_words: fingerprint.words(),
        })
    }
}

impl Report for OwnFingerprint {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}\n{}", self.fingerprint, self.fingerprint_words)
    }
}
