use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::SpaceOptions;
use serde::Serialize;

use crate::chosen_space::warn_of_namesakes;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};
use crate::patience;

/// Make a space
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost space create garden")]
pub(crate) struct Create {
    /// How this account calls it; the relay does not learn it
    name: String,
    /// Newcomers read only what is written after they came
    #[arg(long)]
    no_history: bool,
    /// The relay drops contents after this many seconds, at its next round: within a minute for a day or less, within the
    /// hour for more (operators may set it otherwise); 0 keeps them
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    retention: u64,
}

#[derive(Serialize)]
struct Created {
    space: String,
    name: String,
}

impl Create {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let options = SpaceOptions {
            share_history: !self.no_history,
            retention_seconds: self.retention,
        };
        let making = client.create_space(&self.name, options);
        let space = patience::wait(&client, context, making).await?;
        warn_of_namesakes(&client, context, space.id(), &self.name).await?;
        context.report(&Created {
            space: space.id().to_string(),
            name: self.name,
        })
    }
}

impl Report for Created {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}  {}", self.space, printable(&self.name))
    }
}
