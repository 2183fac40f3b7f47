use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use sealpost_sdk::InviteOptions;
use serde::Serialize;

use crate::capabilities::{self, Granted};
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;

const SECONDS_PER_HOUR: u64 = 60 * 60;

/// Make an invite link
///
/// Whoever has the link can join: send it over a channel that you trust, or ask for approval. The link is shown once and kept
/// nowhere.
#[derive(Args)]
#[command(
    after_help = capabilities::help_with_roles("Examples:\n  sealpost invite create garden\n  sealpost invite create garden --as reader --uses 20 --hours 48\n  \
                  sealpost invite create garden --approval")
)]
pub(crate) struct Create {
    #[command(flatten)]
    space: ChosenSpace,
    /// What they may do: owner, admin, member or reader; or some of write, invite and manage, with commas between
    #[arg(long = "as", value_name = "CAPABILITIES", default_value = "member", value_parser = capabilities::of_an_invite)]
    capabilities: Granted,
    /// How many may join by it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    uses: u32,
    /// For how many hours; 0 is until it is revoked
    #[arg(long, value_name = "HOURS", default_value_t = 168, value_parser = clap::value_parser!(u64).range(0..=87_600))]
    hours: u64,
    /// Who joins waits until a member has compared the fingerprint and approved
    #[arg(long)]
    approval: bool,
}

#[derive(Serialize)]
struct Created {
    space: String,
    link: String,
}

impl Create {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let valid = Duration::from_secs(self.hours * SECONDS_PER_HOUR);
        let making = space.create_invite(InviteOptions {
            capabilities: self.capabilities.0,
            valid_for: (self.hours > 0).then_some(valid),
            uses: self.uses,
            needs_approval: self.approval,
        });
        let link = patience::wait(&client, context, making).await?;
        context.report(&Created {
            space: space.id().to_string(),
            link: link.expose_text().to_string(),
        })
    }
}

impl Report for Created {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.link)
    }
}
