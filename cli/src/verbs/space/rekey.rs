use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use sealpost_sdk::Space;
use serde::Serialize;
use tokio::time::sleep;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::interruption::Interruptions;
use crate::output::Report;
use crate::patience;
use crate::progress;

/// Give a space a new key; what follows is sealed under it, and every member gets it
///
/// Invites whose time is over are closed before. With --every the command stays, and gives the space a new key whenever it had
/// the same one for so long: whoever else rekeys meanwhile saves it the work. It outlasts outages of the network and the relay: it
/// says so on stderr and tries again, every five minutes at least. SIGINT (Ctrl-C) and SIGTERM end it, with exit code 130 or 143.
#[derive(Args)]
#[command(after_help = "Examples:\n  sealpost space rekey garden\n  sealpost space rekey garden --every 168")]
pub(crate) struct Rekey {
    #[command(flatten)]
    space: ChosenSpace,
    /// Go on, with a new key after each so many hours
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=87_600))]
    every: Option<u64>,
}

/// Between an attempt that failed and the next; doubled each time.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(5 * 60);
const SECONDS_PER_HOUR: u64 = 60 * 60;

#[derive(Serialize)]
struct Rekeyed {
    space: String,
    epoch: u64,
}

impl Rekey {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        match self.every {
            None => patience::wait(&client, context, rekey(&space, context)).await,
            Some(hours) => {
                let period = Duration::from_secs(hours * SECONDS_PER_HOUR);
                let mut signals = Interruptions::catch()?;
                // A relay that was never there is a mistake, and not waited for.
                patience::wait_for_first(&client, context, space.sync()).await?;
                let going_on = Box::pin(rekey_every(&space, period, context));
                tokio::select! {
                    ended = going_on => ended,
                    signal = signals.next() => Err(Failure::Interrupted(signal)),
                }
            }
        }
    }
}

async fn rekey(space: &Space, context: &Context) -> Result<(), Failure> {
    follow_rekey(space, space.rekey()).await?;
    context.report(&Rekeyed {
        space: space.id().to_string(),
        epoch: space.epoch().await?,
    })
}

/// Rekeys each time that the epoch is the same at the end of a period as at its beginning.
async fn rekey_every(space: &Space, period: Duration, context: &Context) -> Result<(), Failure> {
    loop {
        let epoch = space.epoch().await?;
        sleep(period).await;
        outlast(async || {
            space.sync().await?;
            if space.epoch().await? == epoch {
                rekey(space, context).await?;
            }
            Ok(())
        })
        .await?;
    }
}

/// Does it again until it is done, or fails for a reason that time does not mend.
async fn outlast(work: impl AsyncFn() -> Result<(), Failure>) -> Result<(), Failure> {
    let mut delay = FIRST_DELAY;
    loop {
        match work().await {
            Err(Failure::Sdk(error)) if error.is_transient() => {
                eprintln!("sealpost: {error}; trying again");
            }
            result => return result,
        }
        sleep(delay).await;
        delay = (delay * 2).min(LONGEST_DELAY);
    }
}

/// Shows how far a rekey is, until it is done.
pub(super) fn follow_rekey<T>(space: &Space, work: impl Future<Output = T>) -> impl Future<Output = T> {
    // Boxed here: an async function would carry the work once more for every layer.
    let work = Box::pin(work);
    async move {
        let bar = progress::bar("new key for each member", 0);
        let position = || {
            let progress = space.rekey_progress();
            bar.set_length(progress.of);
            progress.done
        };
        let done = progress::follow(&bar, position, work).await;
        bar.finish_and_clear();
        done
    }
}

impl Report for Rekeyed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The space is in epoch {}.", self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use sealpost_sdk::Error;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn outages_are_outlasted_and_other_failures_are_told() {
        let attempts = Cell::new(0);
        let outlasted = outlast(async || {
            attempts.set(attempts.get() + 1);
            match attempts.get() {
                20 => Ok(()),
                _ => Err(Error::Network("gone".to_owned()).into()),
            }
        });
        outlasted.await.unwrap();
        assert_eq!(attempts.get(), 20);
        let failed = outlast(async || Err(Error::Usage("wrong".to_owned()).into()));
        assert!(matches!(failed.await, Err(Failure::Sdk(Error::Usage(_)))));
    }
}
