use std::io::{self, Write};

use clap::{ArgAction, Args};
use sealpost_sdk::Error;
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;

/// Show or change what newcomers may read, and how long the relay keeps contents
///
/// When what newcomers may read changes, open invites are void: make new ones.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost space policy garden\n  sealpost space policy garden --share-history false --retention 86400"
)]
pub(crate) struct Policy {
    #[command(flatten)]
    space: ChosenSpace,
    /// Whether newcomers may read what was written before they came
    #[arg(long, action = ArgAction::Set, value_name = "true|false")]
    share_history: Option<bool>,
    /// Seconds after which the relay drops contents, at its next round: within a minute for a day or less, within the
    /// hour for more (operators may set it otherwise); 0 keeps them
    #[arg(long, value_name = "SECONDS")]
    retention: Option<u64>,
}

#[derive(Serialize)]
struct Shown {
    space: String,
    share_history: bool,
    retention_seconds: u64,
}

impl Policy {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let setting = async {
            space.sync().await?;
            let mut policy = space.policy().await?;
            policy.share_history = self.share_history.unwrap_or(policy.share_history);
            policy.retention_seconds = self.retention.unwrap_or(policy.retention_seconds);
            if self.share_history.is_some() || self.retention.is_some() {
                space.set_policy(policy).await?;
            }
            Ok::<_, Error>(policy)
        };
        let policy = patience::wait(&client, context, setting).await?;
        context.report(&Shown {
            space: space.id().to_string(),
            share_history: policy.share_history,
            retention_seconds: policy.retention_seconds,
        })
    }
}

impl Report for Shown {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let may = if self.share_history { "may" } else { "may not" };
        writeln!(out, "Newcomers {may} read what was written before they came.")?;
        match self.retention_seconds {
            0 => writeln!(out, "Contents are kept."),
            seconds => writeln!(
                out,
                "The relay drops contents after {seconds} seconds, at its next round."
            ),
        }
    }
}
