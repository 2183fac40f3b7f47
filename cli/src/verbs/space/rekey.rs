use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::Space;
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;
use crate::progress;

/// Give a space a new key; what follows is sealed under it, and every member gets it
#[derive(Args)]
pub(crate) struct Rekey {
    #[command(flatten)]
    space: ChosenSpace,
}

#[derive(Serialize)]
struct Rekeyed {
    space: String,
    epoch: u64,
}

impl Rekey {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let rekeying = async {
            follow_rekey(&space, space.rekey()).await?;
            space.epoch().await
        };
        let epoch = patience::wait(&client, context, rekeying).await?;
        context.report(&Rekeyed {
            space: space.id().to_string(),
            epoch,
        })
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
