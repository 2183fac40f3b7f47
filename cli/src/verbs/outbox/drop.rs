use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, counted};
use crate::patience;

/// Give up what a space's outbox holds
///
/// A message that the relay has got hold of all the same, because only its answer was lost, may still appear.
#[derive(Args)]
pub(crate) struct Drop {
    #[command(flatten)]
    space: ChosenSpace,
}

#[derive(Serialize)]
struct Dropped {
    space: String,
    messages: u64,
    events: u64,
}

impl Drop {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let id = self.space.find(&client).await?.id;
        let given_up = patience::turn(context, client.drop_unsent(id)).await?;
        context.report(&Dropped {
            space: id.to_string(),
            messages: given_up.messages,
            events: given_up.events,
        })
    }
}

impl Report for Dropped {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match self.events {
            0 => writeln!(out, "There was nothing to give up."),
            _ => writeln!(out, "Given up: {}.", counted(self.messages, "message")),
        }
    }
}
