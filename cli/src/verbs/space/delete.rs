use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;
use crate::question;

/// Delete a space, for all its members and for good
///
/// Nothing of it can be read or written at the relay afterwards. What members have stored on their devices stays there.
#[derive(Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    space: ChosenSpace,
    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Deleted {
    space: String,
    deleted: bool,
    /// How the space is called here.
    #[serde(skip)]
    called: String,
}

impl Delete {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let (space, called) = self.space.open_called(&client).await?;
        if !self.yes {
            question::expect_typed("delete", "This deletes the space for everybody, for good.")?;
        }
        patience::wait(&client, context, space.delete()).await?;
        context.report(&Deleted {
            space: space.id().to_string(),
            deleted: true,
            called,
        })
    }
}

impl Report for Deleted {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The space {} is deleted.", self.called)
    }
}
