//! Runs a program that answers messages.

mod program;
mod replies;
mod sending;

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use sealpost_sdk::protocol::ids::PrincipalId;
use sealpost_sdk::space::Messages;
use sealpost_sdk::{Client, Error, Packing, Position, Space};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::super::tail::Line;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::patience;
use crate::people::People;
use program::Program;
use replies::Replies;
use sending::Sending;

/// The name under which the home keeps how far the program has read.
const READER: &str = "agent run";
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Run a program that reads messages and answers them
///
/// The program gets each message as a line of JSON on its standard input, as `sealpost --json tail` prints them, but not what this
/// agent wrote itself. Each line that it prints is sent as a message: a line of JSON with `text` sends that text, any other line
/// is sent as it is, an empty one is not. Its standard error is left alone.
///
/// It begins with what was written since the agent was brought into the space. The place is kept in the home: the next run goes on
/// behind the last line that was written to the program. What a program had not read yet when it was killed, it does not get again.
///
/// Ends with the program, and with its exit code. On SIGINT or SIGTERM the program's input ends; it then has ten seconds.
#[derive(Args)]
#[command(after_help = "Examples:\n  sealpost agent run -- ./bot\n  \
                        sealpost agent run --space garden -- jq --unbuffered -c '{text: (\"you said: \" + .text)}'")]
pub(crate) struct Run {
    /// Name or id of the space, or the first six or more digits of the id; needed if the agent is in several
    #[arg(long, value_name = "SPACE")]
    space: Option<String>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// Why the program is to end.
enum Ending {
    /// It did by itself, or somebody asked for it.
    Ended,
    /// There is nothing to go on with.
    Failed(Failure),
}

impl Run {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        if client.owner().is_none() {
            return Err(Failure::usage(
                "this home is a person's; make an agent with `sealpost agent pair` and `agent enroll`",
            ));
        }
        let space = self.space(&client).await?;
        let running = answer(&client, &space, &self.program);
        match patience::wait_for_first(&client, context, running).await? {
            0 => Ok(()),
            code => Err(Failure::Program(code)),
        }
    }

    async fn space(&self, client: &Client) -> Result<Space, Failure> {
        if let Some(space) = &self.space {
            return ChosenSpace::named(space).open(client).await;
        }
        match &client.spaces().await?[..] {
            [only] => Ok(client.space(only.id).await?),
            [] => Err(Failure::usage(
                "the agent is in no space yet: its owner brings it in with `sealpost agent approve`",
            )),
            _ => Err(Failure::usage(
                "the agent is in several spaces; name one with --space, from `sealpost space list`",
            )),
        }
    }
}

/// Runs the program on the messages of a space; gives its exit code.
async fn answer(client: &Client, space: &Space, command: &[OsString]) -> Result<u8, Failure> {
    let me = client.account().principal_id;
    let messages = unread(space, me).await?;
    let people = People::of(client).await?;
    let (mut program, input, output) = Program::start(command)?;
    let mut sending = Sending::new(send(space, output));
    let ending = tokio::select! {
        failed = feed(space, messages, &people, me, input) => Ending::Failed(failed),
        failed = sending.failure() => Ending::Failed(failed),
        failed = beat(client) => Ending::Failed(failed),
        asked = asked_to_end() => asked.map_or_else(Ending::Failed, |()| Ending::Ended),
        () = program.ended() => Ending::Ended,
    };
    // Its input has ended with the select; what it still prints is sent.
    let code = program.finish(sending.rest()).await;
    match ending {
        Ending::Failed(failure) => Err(failure),
        Ending::Ended => code,
    }
}

/// What the program has not read: behind the place that was kept, or since the agent was brought in.
async fn unread(space: &Space, me: PrincipalId) -> Result<Messages, Failure> {
    if let Some(cursor) = space.kept_cursor(READER).await? {
        return Ok(space.subscribe_from(&cursor).await?);
    }
    space.sync().await?;
    let members = space.members().await?;
    let own = members.iter().find(|member| member.manifest.id() == me);
    let own = own.ok_or_else(|| Failure::usage("the agent is not in this space"))?;
    Ok(space.subscribe(Position::after_event(own.since.seq)))
}

/// Writes each message to the program, as long as it reads. Returns when there are no more to come.
async fn feed(
    space: &Space,
    mut messages: Messages,
    people: &People,
    me: PrincipalId,
    mut input: ChildStdin,
) -> Failure {
    while let Some(message) = messages.next().await {
        let message = match message {
            Ok(message) => message,
            Err(unreadable @ Error::Unreadable { .. }) => {
                eprintln!("sealpost: {unreadable}");
                continue;
            }
            Err(error) => return error.into(),
        };
        let (cursor, is_own) = (message.cursor, message.author == me);
        if !is_own && write(&mut input, &Line::new(message, people)).await.is_err() {
            // It reads no more, but may go on with something.
            return std::future::pending().await;
        }
        if let Err(error) = space.keep_cursor(READER, &cursor).await {
            return error.into();
        }
    }
    Failure::usage("the space was closed")
}

async fn write(input: &mut ChildStdin, line: &Line) -> std::io::Result<()> {
    let mut json = serde_json::to_vec(line)?;
    json.push(b'\n');
    input.write_all(&json).await?;
    input.flush().await
}

/// Sends each line that the program prints, until it prints no more.
async fn send(space: &Space, output: ChildStdout) -> Result<(), Failure> {
    let mut sender = space.sender(Packing::Natural);
    let mut replies = Replies::new(output);
    while let Some(reply) = replies.next().await? {
        sender.feed(reply).await?;
    }
    sender.flush().await?;
    Ok(())
}

/// Gives signs of life; returns when the agent is revoked.
async fn beat(client: &Client) -> Failure {
    loop {
        match client.heartbeat().await {
            Err(revoked @ Error::NotAuthenticated(_)) => return revoked.into(),
            // Nobody waits for a single one.
            Ok(()) | Err(_) => sleep(HEARTBEAT).await,
        }
    }
}

async fn asked_to_end() -> Result<(), Failure> {
    let listen = |kind| signal(kind).map_err(|source| Failure::file("listening to signals", source));
    let mut terminated = listen(SignalKind::terminate())?;
    let mut interrupted = listen(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
