use std::convert::Infallible;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use clap::Args;
use futures_util::{FutureExt, StreamExt};
use sealpost_sdk::space::Messages;
use sealpost_sdk::{Client, Delivered, Error, Position, Space};
use serde::Serialize;
use tokio::time::sleep;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::{Failure, complain};
use crate::output::{Body, Report, printable};
use crate::people::People;
use crate::position::After;
use crate::{patience, progress};

/// How often it is looked at whether somebody is heard.
const LOOKED: Duration = Duration::from_secs(1);

/// Read a space's messages, verified and in order
///
/// With --json, each line has space, seq, index, event_id, author, handle, author_time_ms, content_type, and either text or
/// base64; and first_event_id, where its author published it again after a restore of the relay had taken that event away. With --follow it
/// says on stderr (`silent`) where others followed the space too and none of them is heard any more.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost tail garden\n  sealpost tail garden --after 120 --follow\n  \
                        sealpost --json tail garden | jq -r .text"
)]
pub(crate) struct Tail {
    #[command(flatten)]
    space: ChosenSpace,
    /// Start behind this place: a SEQ, or one message of it
    #[arg(long, value_name = "SEQ[:INDEX]")]
    after: Option<After>,
    /// Go on with what comes in, until interrupted
    #[arg(long, short)]
    follow: bool,
}

/// A message as scripts and agents get it.
#[derive(Serialize)]
pub(super) struct Line {
    space: String,
    seq: u64,
    index: u32,
    event_id: String,
    author: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<String>,
    author_time_ms: u64,
    content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_id: Option<String>,
    #[serde(flatten)]
    body: Body,
    /// Who wrote it, for people.
    #[serde(skip)]
    name: String,
    /// The file that it refers to, for people.
    #[serde(skip)]
    file: Option<String>,
}

impl Tail {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let found = self.space.find(&client).await?;
        let people = People::of(&client).await?;
        let space = client.space(found.id).await?;
        let after = self.after.map_or(Position::START, |after| after.0);
        if self.follow {
            let printing = print(context, &people, space.subscribe(after));
            return tokio::select! {
                ended = patience::wait_for_first(&client, context, printing) => ended,
                never = tell_of_silence(context, &space) => match never {},
            };
        }
        // Whatever ends the reading, what was verified before is shown.
        let synced = sync(&client, context, &space, found.relay_head).await;
        let printing = print(context, &people, space.read(after, space.verified().seq));
        patience::wait(&client, context, printing).await?;
        synced
    }
}

/// Says so where nobody else who follows the space is heard any more.
async fn tell_of_silence(context: &Context, space: &Space) -> Infallible {
    let mut told = false;
    loop {
        sleep(LOOKED).await;
        let silent_for = space.silent_for();
        if let Some(time) = silent_for.filter(|_| !told) {
            let said = format!(
                "nobody else who follows this space was heard for {} s: they are gone, or the relay keeps them from this device",
                time.as_secs()
            );
            complain(context.output(), "silent", &said);
        }
        told = silent_for.is_some();
    }
}

/// Verifies all there is now.
async fn sync(client: &Client, context: &Context, space: &Space, head: Option<u64>) -> Result<(), Failure> {
    let bar = progress::bar("verifying", head.unwrap_or_default());
    let syncing = progress::follow(&bar, || space.verified().seq, space.sync());
    let verified = patience::wait(client, context, syncing).await;
    bar.finish_and_clear();
    verified.map(drop)
}

/// Writes messages as they come.
pub(super) async fn print(context: &Context, people: &People, mut messages: Messages) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout());
    loop {
        // Flushed when there is nothing more to write at once, so that a replay is not one system call a line.
        let next = match messages.next().now_or_never() {
            Some(next) => next,
            None => {
                out.flush()?;
                messages.next().await
            }
        };
        match next {
            None => return Ok(out.flush()?),
            Some(Ok(message)) => context.write(&mut out, &Line::new(message, people))?,
            Some(Err(unreadable @ Error::Unreadable { .. })) => {
                out.flush()?;
                eprintln!("sealpost: {unreadable}");
            }
            Some(Err(error)) => {
                out.flush()?;
                return Err(error.into());
            }
        }
    }
}

impl Line {
    pub(super) fn new(message: Delivered, people: &People) -> Self {
        let file = message.blob().map(|blob| {
            let id = blob.blob_id.to_string();
            format!("file {}  {}", &id[..12], printable(&blob.name))
        });
        Self {
            file,
            space: message.space_id.to_string(),
            seq: message.seq,
            index: message.index,
            event_id: message.event_id.to_string(),
            author: message.author.to_string(),
            handle: people.handle(&message.author).map(str::to_owned),
            author_time_ms: message.author_time_ms,
            content_type: message.content_type,
            first_event_id: message.first_event_id.map(|id| id.to_string()),
            body: Body::from(&message.body[..]),
            name: people.show(&message.author),
        }
    }
}

impl Report for Line {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let place = format!("{}:{}", self.seq, self.index);
        if let Some(file) = &self.file {
            // Its body is its key, which nobody wants on a screen.
            return writeln!(out, "{place:<10} {}  {file}", self.name);
        }
        match &self.body {
            Body::Text(text) => writeln!(out, "{place:<10} {}  {}", self.name, printable(text)),
            Body::Base64(base64) => writeln!(out, "{place:<10} {}  base64:{base64}", self.name),
        }
    }
}
