//! Runs a program that answers messages.

mod program;
mod replies;
mod turn;
mod whereabouts;
mod work;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use sealpost_sdk::content::MAX_BODY;
use sealpost_sdk::protocol::ids::{PrincipalId, SpaceId};
use sealpost_sdk::space::Messages;
use sealpost_sdk::{Client, Error, Packing, Position, Space, Unsent};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::time::sleep;

use super::super::tail::Line;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::{Failure, complain};
use crate::interruption::Interruptions;
use crate::left_behind::LeftBehind;
use crate::output::Output;
use crate::patience;
use crate::people::People;
use program::{GRACE, Program};
use replies::{Replies, Reply};
use turn::Turn;
use work::Work;

/// The name under which the home keeps how far the program has read.
const READER: &str = "agent run";
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Run a program that reads messages and answers them
///
/// The program gets each message as a line of JSON on its standard input, as `sealpost --json tail` prints them, but not what this
/// agent wrote itself. Each line that it prints is sent as a message: a line of JSON with `text` sends that text, any other line
/// is sent as it is, an empty one is not. Its standard error is left alone. A message holds 122880 bytes (120 KiB) at most: a longer
/// one is told on stderr (`message_too_long` with --json) and not sent, and the program goes on.
///
/// A space into which somebody else than its owner has brought this agent is none of its own: nothing of it is read, and it does
/// not count where there is no --space. `sealpost space leave` leaves it.
///
/// One at a time answers in a space: a second one from the same home ends at once (`agent_runs` with --json).
///
/// It begins with what was written since the agent was brought into the space. The place is kept in the home: the next run goes on
/// behind the last message that was written to the program. Should this command be killed between writing a message and keeping its
/// place, that one comes twice. What a program had not read yet when it was killed, it does not get again.
///
/// Ends with the program, and with its exit code. On SIGINT or SIGTERM the program's input ends behind the message that is being
/// written; it then has ten seconds. What it printed is sent, for as long as --patience allows without a connection: when that ends,
/// so does the command, with exit code 4, and says how many messages are acked and how many are kept in the outbox.
#[derive(Args)]
#[command(after_help = "Examples:\n  sealpost agent run -- ./bot\n  \
                        sealpost agent run --space 3f09ab -- jq --unbuffered -c '{text: (\"you said: \" + .text)}'")]
pub(crate) struct Run {
    /// Id of the space, or its first six or more digits, from `sealpost space list`; needed if the agent is in several. A name, if
    /// this home has given it one: names stay with who gave them
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
        let _kept = client.keep_home().await?;
        let id = self.space(&client, context).await?;
        let _turn = Turn::take(&context.global().home, &id)?;
        // Unknown while another command sends; what fails is then told without counts.
        let before = patience::turn(context, client.unsent(id)).await.ok();
        let space = client.space(id).await?;
        let acked = Arc::new(AtomicU64::new(0));
        let running = answer(&client, context, space, &self.program, &acked);
        match patience::wait_for_first(&client, context, running).await {
            Ok(0) => Ok(()),
            Ok(code) => Err(Failure::Program(code)),
            Err(cause) => {
                let acked = acked.load(Ordering::Relaxed);
                Err(with_counts(cause, acked, before, &client, id, context).await)
            }
        }
    }

    async fn space(&self, client: &Client, context: &Context) -> Result<SpaceId, Failure> {
        match &self.space {
            Some(space) => Ok(ChosenSpace::named(space).find(client).await?.id),
            None => {
                let looking = whereabouts::only_space(client, context);
                patience::wait(client, context, looking).await
            }
        }
    }
}

/// Runs the program on the messages of a space; gives its exit code. Nothing of the space is in use when this returns.
async fn answer(
    client: &Client,
    context: &Context,
    space: Space,
    command: &[OsString],
    acked: &Arc<AtomicU64>,
) -> Result<u8, Failure> {
    let me = client.account().principal_id;
    let messages = unread(&space, me).await?;
    let people = People::of(client).await?;
    let mut signals = Interruptions::catch()?;
    let (mut program, input, output) = Program::start(command)?;
    let (end, asked_to_end) = watch::channel(false);
    let (exited, has_exited) = watch::channel(false);
    let mut feeding = Work::new(feed(&space, messages, &people, me, input, asked_to_end));
    let mut sending = Work::new(send(&space, output, has_exited, acked, context.output()));
    let ending = tokio::select! {
        failed = feeding.failure() => Ending::Failed(failed),
        failed = sending.failure() => Ending::Failed(failed),
        failed = beat(client) => Ending::Failed(failed),
        _ = signals.next() => Ending::Ended,
        () = program.ended() => Ending::Ended,
    };
    end.send_replace(true);
    let finishing = async {
        let code = program.finish(feeding.rest()).await;
        exited.send_replace(true);
        code
    };
    let finishing = async { tokio::join!(finishing, patience::wait(client, context, sending.rest())) };
    let (code, sent) = signals.unless_repeated(finishing).await;
    match ending {
        Ending::Failed(failure) => Err(failure),
        Ending::Ended => sent.and(code),
    }
}

/// Says of a failure what became of the program's messages, where some are kept.
async fn with_counts(
    cause: Failure,
    acked: u64,
    before: Option<Vec<Unsent>>,
    client: &Client,
    space: SpaceId,
    context: &Context,
) -> Failure {
    let after = patience::turn(context, client.unsent(space)).await;
    let (Some(before), Ok(unsent)) = (before, after) else {
        return cause;
    };
    match LeftBehind::of(&before, &unsent) {
        LeftBehind { kept: 0, .. } => cause,
        left => Failure::unfinished(cause, acked, left),
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

/// Writes each message to the program, as long as it reads, until it is asked to end: then the message that is being written is
/// written to its end, and its place is kept. The program's input ends with this.
async fn feed(
    space: &Space,
    mut messages: Messages,
    people: &People,
    me: PrincipalId,
    mut input: ChildStdin,
    mut asked_to_end: watch::Receiver<bool>,
) -> Result<(), Failure> {
    loop {
        let next = tokio::select! {
            biased;
            () = is_true(&mut asked_to_end) => return Ok(()),
            next = messages.next() => next,
        };
        let message = match next {
            None => return Err(Failure::usage("the space was closed")),
            Some(Ok(message)) => message,
            Some(Err(unreadable @ Error::Unreadable { .. })) => {
                eprintln!("sealpost: {unreadable}");
                continue;
            }
            Some(Err(error)) => return Err(error.into()),
        };
        let (cursor, is_own) = (message.cursor, message.author == me);
        if !is_own && write(&mut input, &Line::new(message, people)).await.is_err() {
            // It reads no more, but may go on with something.
            is_true(&mut asked_to_end).await;
            return Ok(());
        }
        space.keep_cursor(READER, &cursor).await?;
    }
}

/// Waits until it is so.
async fn is_true(flag: &mut watch::Receiver<bool>) {
    // It stays so once its sender is gone.
    let _ = flag.wait_for(|is_so| *is_so).await;
}

async fn write(input: &mut ChildStdin, line: &Line) -> std::io::Result<()> {
    let mut json = serde_json::to_vec(line)?;
    json.push(b'\n');
    input.write_all(&json).await?;
    input.flush().await
}

/// Sends each line that the program prints, until it prints no more; or until a while after its end, should something that it left
/// behind hold its output open.
async fn send(
    space: &Space,
    output: ChildStdout,
    mut has_exited: watch::Receiver<bool>,
    acked: &Arc<AtomicU64>,
    errors: Output,
) -> Result<(), Failure> {
    let acked = Arc::clone(acked);
    let mut sender = space
        .sender(Packing::Natural)
        .on_acked(move |_, number| acked.store(number, Ordering::Relaxed));
    let mut replies = Replies::new(output);
    let late = async {
        is_true(&mut has_exited).await;
        sleep(GRACE).await;
    };
    tokio::pin!(late);
    loop {
        let next = tokio::select! {
            biased;
            next = replies.next() => next?,
            () = &mut late => None,
        };
        match next {
            Some(Reply::Message(message)) => sender.feed(message).await?,
            Some(Reply::TooLong { line }) => complain(errors, "message_too_long", &too_long(line)),
            None => break,
        }
    }
    sender.flush().await?;
    Ok(())
}

fn too_long(line: u64) -> String {
    format!(
        "line {line} of the program holds more than a message may ({MAX_BODY} bytes); it is not sent, and the program goes on"
    )
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
