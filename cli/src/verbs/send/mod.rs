mod input;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use sealpost_sdk::space::Sender;
use sealpost_sdk::{Packing, Sent, Space};
use serde::Serialize;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Output, Report};
use crate::{patience, progress};
use input::Input;

/// Send messages to a space
///
/// One message from the command line or from a file; or one for each line of standard input. What gathers while earlier events
/// are on their way is packed into the next one. The command ends when the relay has all of them on its disk; messages that it
/// could not deliver stay in this home and go out with the next command that opens the space.
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
    space: String,
    bar: ProgressBar,
    summary: Summary,
    acks: UnboundedReceiver<(Sent, u64)>,
}

impl Send {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let packing = if self.one_per_event {
            Packing::OnePerEvent
        } else {
            Packing::Natural
        };
        let input = Input::new(self.message, self.file, self.content_type)?;
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let sending = send(context, &space, packing, input);
        let summary = patience::wait(&client, context, sending).await?;
        match context.output() {
            Output::Human => context.report(&summary),
            Output::Json => Ok(()),
        }
    }
}

async fn send(context: &Context, space: &Space, packing: Packing, input: Input) -> Result<Summary, Failure> {
    let (tell, acks) = mpsc::unbounded_channel();
    let sender = space.sender(packing).on_acked(move |sent, number| {
        // Nobody listens any more when the command has failed.
        let _ = tell.send((*sent, number));
    });
    let mut acks = Acks {
        context,
        space: space.id().to_string(),
        bar: progress::count("acked"),
        summary: Summary::default(),
        acks,
    };
    let feeding = feed(sender, input);
    tokio::pin!(feeding);
    let result = loop {
        tokio::select! {
            biased;
            Some(ack) = acks.acks.recv() => acks.note(&ack)?,
            result = &mut feeding => break result,
        }
    };
    let reported = acks.finish(result.as_ref().ok().copied()).await;
    acks.bar.finish_and_clear();
    match result {
        Ok(_) => reported.map(|()| acks.summary),
        Err(failure) => {
            eprintln!(
                "sealpost: {} messages were acked before the failure",
                acks.summary.messages
            );
            Err(failure)
        }
    }
}

/// Hands everything over and waits for the acks; returns how many there are.
async fn feed(mut sender: Sender, mut input: Input) -> Result<u64, Failure> {
    while let Some(message) = input.next().await {
        sender.feed(message?).await?;
    }
    Ok(sender.flush().await?)
}

impl Acks<'_> {
    fn note(&mut self, (sent, number): &(Sent, u64)) -> Result<(), Failure> {
        self.summary.note(sent, *number);
        self.bar.set_position(*number);
        if self.context.output() == Output::Human {
            return Ok(());
        }
        self.context.report(&Ack {
            space: self.space.clone(),
            message: *number,
            seq: sent.seq,
            index: sent.index,
            event_id: sent.event_id.to_string(),
        })
    }

    /// Notes the acks that are still to be reported: up to `total`, or after a failure those that are here.
    async fn finish(&mut self, total: Option<u64>) -> Result<(), Failure> {
        while total.is_some_and(|total| self.summary.messages < total) {
            let Some(ack) = self.acks.recv().await else { break };
            self.note(&ack)?;
        }
        while let Ok(ack) = self.acks.try_recv() {
            self.note(&ack)?;
        }
        Ok(())
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
            _ => writeln!(
                out,
                "{messages} messages acked in {events} events, seq {first_seq} to {last_seq}."
            ),
        }
    }
}
