use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::chosen_space::{ChosenSpace, called};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, counted};
use crate::question;

/// Take a space that this account reads no more out of the list
///
/// What this device has read of it is destroyed. Another device that has read it lists it until it forgets it, too.
///
/// Refused (`unsent` with --json, with how many) while messages to it are signed and not sent: they are nowhere else. `sealpost
/// outbox list` shows them; --drop-unsent destroys them too.
#[derive(Args)]
pub(crate) struct Forget {
    #[command(flatten)]
    space: ChosenSpace,
    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,
    /// Destroy messages of its outbox too
    #[arg(long)]
    drop_unsent: bool,
}

#[derive(Serialize)]
struct Forgotten {
    space: String,
    forgotten: bool,
    /// Messages of the outbox that are destroyed with it.
    dropped_unsent: u64,
    /// How the space was called here.
    #[serde(skip)]
    called: String,
}

impl Forget {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let found = self.space.find_listed(&client).await?;
        if !self.yes {
            let warning = match self.drop_unsent {
                true => {
                    "This destroys what this device has read of the space, and what it has signed and not sent."
                }
                false => "This destroys what this device has read of the space.",
            };
            question::expect_typed("forget", warning)?;
        }
        let dropped = match self.drop_unsent {
            true => client.forget_space_and_unsent(found.id).await?.messages,
            false => client.forget_space(found.id).await.map(|()| 0)?,
        };
        context.report(&Forgotten {
            space: found.id.to_string(),
            forgotten: true,
            dropped_unsent: dropped,
            called: called(&found),
        })
    }
}

impl Report for Forgotten {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match self.dropped_unsent {
            0 => writeln!(out, "{} is forgotten.", self.called),
            dropped => writeln!(
                out,
                "{} is forgotten, with {} never sent.",
                self.called,
                counted(dropped, "message")
            ),
        }
    }
}
