use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::Client;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// Show the account of this home
#[derive(Args)]
pub(crate) struct Whoami {}

/// An account as it is reported.
#[derive(Serialize)]
pub(crate) struct Identity {
    handle: String,
    relay: String,
    account_id: String,
    principal_id: String,
    fingerprint: String,
}

impl Whoami {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        context.report(&Identity::of(&context.client().await?))
    }
}

impl Identity {
    pub(crate) fn of(client: &Client) -> Self {
        let account = client.account();
        Self {
            handle: account.handle,
            relay: client.relay().origin(),
            account_id: account.account_id.to_string(),
            principal_id: account.principal_id.to_string(),
            fingerprint: client.fingerprint().to_string(),
        }
    }
}

impl Report for Identity {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} at {}", self.handle, self.relay)?;
        writeln!(out, "account      {}", self.account_id)?;
        writeln!(out, "principal    {}", self.principal_id)?;
        writeln!(out, "fingerprint  {}", self.fingerprint)
    }
}
