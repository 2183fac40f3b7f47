mod input;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use sealpost_sdk::protocol::ids::SpaceId;
use sealpost_sdk::space::Sender;
use sealpost_sdk::{Client, Error, Packing, Sent, Space, Unsent};
use serde::Serialize;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::interruption::Interruptions;
use crate::left_behind::LeftBehind;
use crate::output::{Output, Report, counted};
use crate::{patience, progress};
use input::Input;

/// Send messages to a space
///
/// One message from the command line or from a file; or one for each line of standard input. What gathers while earlier events
/// are on their way is packed into the next one. The command ends when the relay has all of them on its disk.
///
/// When it fails, messages that were signed already stay in the outbox of this home and go out first with the next command
/// that opens the space: do not send them again. Nothing is kept of a message that is refused because this account may not
/// write (see `sealpost outbox --help`). The failure says how many messages were acked and how many are kept (with
/// --json as `acked` and `kept`; `earlier` are those that commands before this one left there). A script that goes on with its
/// input behind these doubles nothing and loses nothing: `sealpost outbox flush` sends what is kept, `sealpost outbox drop` gives it
/// up. The same holds for a command that SIGINT (Ctrl-C) or SIGTERM ends, with exit code 130 or 143; a second one ends it without
/// counting.
///
/// A message holds 122880 bytes (120 KiB) at most.
///
/// With --json, each message that the relay has acked gives a line with space, message, seq, index and event_id.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost send garden 'hello'\n  sealpost send garden --file picture.jpg\n  \
                        seq 1000 | sealpost send garden\n  seq 1000 | sealpost send garden --one-per-event"
)]
pub(crate) struct Send {
    #[command(flatten)]
    space: ChosenSpace,
    /// The message; standard input by default
    #[arg(conflicts_with = "file", allow_hyphen_values = true)]
    message: Option<String>,
    /// Send this file as one message
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Media type of the message or file
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Give each message an event of its own instead of packing them
    #[arg(long)]
    one_per_event: bool,
}

/// One ack.
#[derive(Serialize)]
struct Ack {
    space: String,
    /// Number of the message, from 1.
    message: u64,
    seq: u64,
    index: u32,
    event_id: String,
}

/// All acks together.
#[derive(Default, Serialize)]
struct Summary {
    messages: u64,
    events: u64,
    first_seq: u64,
    last_seq: u64,
}

/// Counts and reports acks as they come in.
struct Acks<'a> {
    context: &'a Context,
    space_id: SpaceId,
    bar: ProgressBar,
    told: UnboundedReceiver<(Sent, u64)>,
    tell: UnboundedSender<(Sent, u64)>,
    summary: Summary,
    /// Why acks are not reported any more.
    unreported: Option<Failure>,
}

impl Send {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let packing = if self.one_per_event {
            Packing::OnePerEvent
        } else {
            Packing::Natural
        };
        let input = Input::new(self.message, self.file, self.content_type)?;
        let is_typed = input.is_typed();
        let client = context.client().await?;
        // Until the last line is sent, whoever writes them may take their time.
        let _kept = client.keep_home().await?;
        let id = self.space.find(&client).await?.id;
        // Unknown while another command sends; the own messages then wait for their turn.
        let before = patience::turn(context, client.unsent(id)).await.ok();
        let space = client.space(id).await?;
        let mut signals = Interruptions::catch()?;
        let mut acks = Acks::new(context, id, is_typed);
        match acks.send(&client, space, packing, input, &mut signals).await {
            Ok(()) => acks.close(),
            Err(cause) => Err(signals
                .unless_repeated(acks.unfinished(cause, &client, before))
                .await),
        }
    }
}

/// Hands everything over and waits for the acks.
async fn feed(mut sender: Sender, mut input: Input) -> Result<(), Failure> {
    while let Some(message) = input.next().await {
        match message {
            Ok(message) => sender.feed(message).await?,
            Err(unusable) => {
                // What came before it was meant.
                sender.flush().await?;
                return Err(unusable);
            }
        }
    }
    sender.flush().await?;
    Ok(())
}

impl<'a> Acks<'a> {
    fn new(context: &'a Context, space_id: SpaceId, is_typed: bool) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        if is_typed && context.output() == Output::Human {
            eprintln!("One message per line; Ctrl-D ends.");
        }
        Self {
            context,
            space_id,
            // It would be drawn over what is typed.
            bar: match is_typed {
                true => ProgressBar::hidden(),
                false => progress::count("acked"),
            },
            told,
            tell,
            summary: Summary::default(),
            unreported: None,
        }
    }

    /// Sends everything, and reports the acks as they come in. Nothing of the space is in use when this returns.
    async fn send(
        &mut self,
        client: &Client,
        space: Space,
        packing: Packing,
        input: Input,
        signals: &mut Interruptions,
    ) -> Result<(), Failure> {
        let tell = self.tell.clone();
        let sender = space.sender(packing).on_acked(move |sent, number| {
            // Nobody listens any more when the command has failed.
            let _ = tell.send((*sent, number));
        });
        drop(space);
        let feeding = patience::wait(client, self.context, feed(sender, input));
        tokio::pin!(feeding);
        let result = loop {
            tokio::select! {
                biased;
                signal = signals.next() => break Err(Failure::Interrupted(signal)),
                Some(ack) = self.told.recv() => self.note(&ack),
                result = &mut feeding => break result,
            }
        };
        self.note_the_rest();
        self.bar.finish_and_clear();
        result
    }

    fn note_the_rest(&mut self) {
        while let Ok(ack) = self.told.try_recv() {
            self.note(&ack);
        }
    }

    /// Reports an ack. When nobody takes the report any more, the sending goes on: the messages were asked for.
    fn note(&mut self, (sent, number): &(Sent, u64)) {
        self.summary.note(sent, *number);
        self.bar.set_position(*number);
        if self.context.output() == Output::Human || self.unreported.is_some() {
            return;
        }
        let reported = self.context.report(&Ack {
            space: self.space_id.to_string(),
            message: *number,
            seq: sent.seq,
            index: sent.index,
            event_id: sent.event_id.to_string(),
        });
        self.unreported = reported.err();
    }

    /// The end of a command that sent everything.
    fn close(self) -> Result<(), Failure> {
        match (self.unreported, self.context.output()) {
            (Some(failure), _) => Err(failure),
            (None, Output::Human) => self.context.report(&self.summary),
            (None, Output::Json) => Ok(()),
        }
    }

    /// Says of a command that failed what became of its messages.
    async fn unfinished(mut self, cause: Failure, client: &Client, before: Option<Vec<Unsent>>) -> Failure {
        let after = patience::turn(self.context, client.unsent(self.space_id)).await;
        // Acks may have come until it was this command's turn to look.
        self.note_the_rest();
        match (before, after) {
            (Some(before), Ok(unsent)) => {
                Failure::unfinished(cause, self.summary.messages, LeftBehind::of(&before, &unsent))
            }
            // The home was destroyed meanwhile, and its outbox with it.
            (_, Err(Failure::Sdk(Error::NotLoggedIn(_)))) => {
                Failure::unfinished(cause, self.summary.messages, LeftBehind::default())
            }
            // What the outbox holds is not known; the first failure is the one to tell.
            _ => cause,
        }
    }
}

impl Summary {
    fn note(&mut self, sent: &Sent, number: u64) {
        if self.messages == 0 {
            self.first_seq = sent.seq;
        }
        self.events += u64::from(sent.seq != self.last_seq);
        self.messages = number;
        self.last_seq = sent.seq;
    }
}

impl Report for Ack {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}:{}", self.seq, self.index)
    }
}

impl Report for Summary {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Self {
            messages,
            events,
            first_seq,
            last_seq,
        } = self;
        match messages {
            0 => writeln!(out, "There was nothing to send."),
            1 => writeln!(out, "1 message acked, seq {first_seq}."),
            _ if first_seq == last_seq => {
                writeln!(out, "{messages} messages acked in 1 event, seq {first_seq}.")
            }
            _ => writeln!(
                out,
                "{messages} messages acked in {}, seq {first_seq} to {last_seq}.",
                counted(*events, "event")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(messages: u64, events: u64, first_seq: u64, last_seq: u64) -> String {
        let summary = Summary {
            messages,
            events,
            first_seq,
            last_seq,
        };
        let mut out = Vec::new();
        summary.write_text(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn summary_counts_and_names_a_range_only_where_there_is_one() {
        assert_eq!(said(0, 0, 0, 0), "There was nothing to send.\n");
        assert_eq!(said(1, 1, 3, 3), "1 message acked, seq 3.\n");
        assert_eq!(said(2, 1, 3, 3), "2 messages acked in 1 event, seq 3.\n");
        assert_eq!(said(9, 2, 3, 5), "9 messages acked in 2 events, seq 3 to 5.\n");
    }
}
