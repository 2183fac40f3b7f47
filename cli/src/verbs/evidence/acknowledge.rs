use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::chosen_space::{ChosenSpace, called};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, counted, printable};
use crate::question;

/// Let a space go on that an alarm keeps stopped on this device
///
/// An integrity alarm stops a space, and neither a restart nor a new connection ends that: the relay has shown what no honest one shows. Ask
/// the people in the space, by another way, what they see, and the relay's operator what happened. The space goes on behind what this device has
/// verified; what does not hold raises the alarm anew. The evidence stays.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost evidence acknowledge garden")]
pub(crate) struct Acknowledge {
    #[command(flatten)]
    space: ChosenSpace,
    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Acknowledged {
    space: String,
    /// How many alarms kept it stopped.
    acknowledged: usize,
    #[serde(skip)]
    called: String,
}

impl Acknowledge {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let found = self.space.find(&client).await?;
        if let Some(alarm) = found.alarm.as_ref().filter(|_| !self.yes) {
            let warning = format!(
                "{}. If that was no mistake, the relay is not to be trusted.",
                printable(&alarm.to_string())
            );
            question::expect_typed("go on", &warning)?;
        }
        let acknowledged = client.acknowledge_alarms(found.id).await?;
        context.report(&Acknowledged {
            space: found.id.to_string(),
            acknowledged,
            called: called(&found),
        })
    }
}

impl Report for Acknowledged {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match self.acknowledged {
            0 => writeln!(out, "No alarm keeps {} stopped.", self.called),
            n => writeln!(
                out,
                "{} goes on; {} acknowledged.",
                self.called,
                counted(n as u64, "alarm")
            ),
        }
    }
}
