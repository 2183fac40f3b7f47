//! The account as a whole.

mod delete;
mod history;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// The account as a whole
#[derive(Subcommand)]
pub(crate) enum Account {
    History(history::History),
    Delete(delete::Delete),
}

impl Account {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::History(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}
