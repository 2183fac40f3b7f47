//! The account as the relay keeps it.

mod history;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// The account as the relay keeps it
#[derive(Subcommand)]
pub(crate) enum Account {
    History(history::History),
}

impl Account {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::History(verb) => verb.run(context).await,
        }
    }
}
