//! Logging in with nothing to type: another device lets this one in.

use std::io::{self, Write};

use sealpost_sdk::{Client, ClientConfig, PendingLogin};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::interruption::Interruptions;
use crate::output::Report;
use crate::progress;

#[derive(Serialize)]
struct ShownCode {
    device_code: String,
    counts_for_seconds: u64,
}

/// Shows the code and waits until somebody has approved it.
pub(super) async fn log_in(context: &Context, config: ClientConfig, handle: &str) -> Result<Client, Failure> {
    let pending = Client::login_by_approval(config, handle).await?;
    let mut interruptions = Interruptions::catch()?;
    context.report(&ShownCode::of(&pending))?;
    let waiting = progress::wait("waiting for the approval");
    let approval = tokio::select! {
        biased;
        interruption = interruptions.next() => {
            waiting.finish_and_clear();
            interruptions.unless_repeated(pending.withdraw()).await;
            return Err(Failure::Interrupted(interruption));
        }
        approval = pending.approved() => approval?,
    };
    waiting.finish_and_clear();
    Ok(interruptions.unless_repeated(pending.enter(approval)).await?)
}

impl ShownCode {
    fn of(pending: &PendingLogin) -> Self {
        Self {
            device_code: pending.code().expose_text().to_string(),
            counts_for_seconds: pending.time_left().as_secs(),
        }
    }
}

impl Report for ShownCode {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let minutes = self.counts_for_seconds.div_ceil(60);
        writeln!(
            out,
            "On a device of the account that is logged in, run `sealpost devices approve` and give it this code, which is good \
             once, for {minutes} minutes:"
        )?;
        writeln!(out, "\n    {}\n", self.device_code)?;
        writeln!(
            out,
            "Whoever types it lets this device in: keep it from others, and from chats."
        )
    }
}
