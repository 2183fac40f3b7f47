use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::Client;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::secret_input;

/// Make this machine an agent of whoever made the pairing code
///
/// Keys are made here and stay here. The code is asked for on the terminal, or read from the file that SEALPOST_PAIRING_FILE names,
/// or from the descriptor given with --pairing-fd.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost --relay-url https://relay.example.org agent enroll")]
pub(crate) struct Enroll {
    /// Read the pairing code from this file descriptor
    #[arg(long, value_name = "N")]
    pairing_fd: Option<u32>,
}

#[derive(Serialize)]
struct Enrolled {
    name: String,
    owner: String,
    principal_id: String,
    fingerprint: String,
    fingerprint_words: String,
}

impl Enroll {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let config = context.config_for_login().await?;
        let code = secret_input::pairing_code(self.pairing_fd)?;
        let client = Client::enroll_agent(config, &code).await?;
        let (account, fingerprint) = (client.account(), client.fingerprint());
        context.report(&Enrolled {
            name: account.handle,
            owner: code.owner().to_string(),
            principal_id: account.principal_id.to_string(),
            fingerprint: fingerprint.to_string(),
            fingerprint_words: fingerprint.words(),
        })
    }
}

impl Report for Enrolled {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "This home is the agent {} now. Its fingerprint:\n",
            self.name
        )?;
        writeln!(out, "  {}\n  {}\n", self.fingerprint, self.fingerprint_words)?;
        writeln!(
            out,
            "Its owner types one of the two lines in: sealpost agent approve {} --space SPACE",
            self.name
        )
    }
}
