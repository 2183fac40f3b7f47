use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;

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
            space.rekey().await?;
            space.epoch().await
        };
        let epoch = patience::wait(&client, context, rekeying).await?;
        context.report(&Rekeyed {
            space: space.id().to_string(),
            epoch,
        })
    }
}

impl Report for Rekeyed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The space is in epoch {}.", self.epoch)
    }
}
