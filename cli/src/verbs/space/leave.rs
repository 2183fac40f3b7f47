use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;
use crate::question;

/// Leave a space
///
/// What was read stays on this device. Only a member who stays can bring this account back. Whoever is the last to manage a
/// space hands that over first, or deletes the space.
#[derive(Args)]
pub(crate) struct Leave {
    #[command(flatten)]
    space: ChosenSpace,
    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Left {
    space: String,
    left: bool,
    /// How the space is called here.
    #[serde(skip)]
    called: String,
}

impl Leave {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let (space, called) = self.space.open_called(&client).await?;
        if !self.yes {
            question::expect_typed("leave", "This account will read nothing more of the space.")?;
        }
        patience::wait(&client, context, space.leave()).await?;
        context.report(&Left {
            space: space.id().to_string(),
            left: true,
            called,
        })
    }
}

impl Report for Left {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "This account has left {}.", self.called)
    }
}
