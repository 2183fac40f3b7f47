use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::protocol::ids::SpaceId;
use sealpost_sdk::{Client, Error};
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, counted};
use crate::patience;

/// Send what a space's outbox holds, and nothing else
#[derive(Args)]
pub(crate) struct Flush {
    #[command(flatten)]
    space: ChosenSpace,
}

#[derive(Serialize)]
struct Flushed {
    space: String,
    messages: u64,
}

impl Flush {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let id = self.space.find(&client).await?.id;
        let unsent = patience::turn(context, client.unsent(id)).await?;
        if !unsent.is_empty() {
            patience::wait(&client, context, flush(&client, id)).await?;
        }
        context.report(&Flushed {
            space: id.to_string(),
            messages: unsent.iter().map(|unsent| unsent.messages.len() as u64).sum(),
        })
    }
}

async fn flush(client: &Client, id: SpaceId) -> Result<(), Error> {
    client.space(id).await?.flush().await
}

impl Report for Flushed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match self.messages {
            0 => writeln!(out, "There was nothing to send."),
            messages => writeln!(out, "{} acked.", counted(messages, "message")),
        }
    }
}
