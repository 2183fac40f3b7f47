use std::io::{self, Write};
use std::time::Duration;

use clap::{Args, value_parser};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;

/// Make a code with which one agent can become yours
///
/// Give it to the agent's machine as you would a password: whoever uses it first is the agent. It gets into no space by it, only by
/// `sealpost agent approve`.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost agent pair --name helper")]
pub(crate) struct Pair {
    /// How you call the agent
    #[arg(long, value_name = "NAME")]
    name: String,
    /// How long the code counts
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u64).range(1..=1440))]
    minutes: u64,
}

#[derive(Serialize)]
struct Paired {
    name: String,
    pairing_code: String,
    /// Unix seconds.
    expires_at: i64,
    #[serde(skip)]
    minutes: u64,
    #[serde(skip)]
    relay: String,
}

impl Pair {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let lifetime = Duration::from_secs(self.minutes * 60);
        let (code, expires_at) = client.agents().pair(&self.name, lifetime).await?;
        context.report(&Paired {
            name: self.name,
            // Shown once, to whoever asked for it.
            pairing_code: code.expose_text().to_string(),
            expires_at: expires_at.unix_timestamp(),
            minutes: self.minutes,
            relay: client.relay().origin(),
        })
    }
}

impl Report for Paired {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "Pairing code of {}, good once, for {} minutes:\n\n  {}\n",
            self.name, self.minutes, self.pairing_code
        )?;
        writeln!(
            out,
            "On the agent's machine: sealpost --relay-url {} agent enroll",
            self.relay
        )
    }
}
