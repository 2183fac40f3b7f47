use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::chosen_space::{ChosenSpace, called};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::question;

/// Take a space that this account reads no more out of the list
///
/// What this device has read of it is destroyed. Another device that has read it lists it until it forgets it, too.
#[derive(Args)]
pub(crate) struct Forget {
    #[command(flatten)]
    space: ChosenSpace,
    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Forgotten {
    space: String,
    forgotten: bool,
    /// How the space was called here.
    #[serde(skip)]
    called: String,
}

impl Forget {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let found = self.space.find_listed(&client).await?;
        if !self.yes {
            question::expect_typed("forget", "This destroys what this device has read of the space.")?;
        }
        client.forget_space(found.id).await?;
        context.report(&Forgotten {
            space: found.id.to_string(),
            forgotten: true,
            called: called(&found),
        })
    }
}

impl Report for Forgotten {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} is forgotten.", self.called)
    }
}
