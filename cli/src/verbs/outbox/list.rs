use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::{Message, Unsent};
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Body, Report, printable};
use crate::patience;

/// List what a space's outbox holds, oldest first
///
/// With --json, each message gives a line with event_id, index, content_type, and either text or base64.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    space: ChosenSpace,
}

#[derive(Serialize)]
struct Line {
    event_id: String,
    index: usize,
    content_type: String,
    #[serde(flatten)]
    body: Body,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let id = self.space.find(&client).await?.id;
        let unsent = patience::turn(context, client.unsent(id)).await?;
        unsent
            .iter()
            .flat_map(lines)
            .try_for_each(|line| context.report(&line))
    }
}

fn lines(unsent: &Unsent) -> impl Iterator<Item = Line> {
    let event_id = unsent.event_id.to_string();
    let messages = unsent.messages.iter().enumerate();
    messages.map(move |(index, message)| Line::new(&event_id, index, message))
}

impl Line {
    fn new(event_id: &str, index: usize, message: &Message) -> Self {
        Self {
            event_id: event_id.to_owned(),
            index,
            content_type: message.content_type.clone(),
            body: Body::from(&message.body[..]),
        }
    }
}

impl Report for Line {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match &self.body {
            Body::Text(text) => writeln!(out, "{}", printable(text)),
            Body::Base64(base64) => writeln!(out, "base64:{base64}"),
        }
    }
}
