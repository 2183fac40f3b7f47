//! What raised alarms, and what others can check of it.

mod acknowledge;
mod export;
mod list;
mod verify;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// Evidence: what raised an integrity alarm, and files by which anybody can check it
#[derive(Subcommand)]
pub(crate) enum Evidence {
    List(list::List),
    Export(export::Export),
    Acknowledge(acknowledge::Acknowledge),
    Verify(verify::Verify),
}

impl Evidence {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Export(verb) => verb.run(context).await,
            Self::Acknowledge(verb) => verb.run(context).await,
            Self::Verify(verb) => verb.run(context),
        }
    }
}
