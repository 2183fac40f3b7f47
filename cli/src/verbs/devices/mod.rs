//! The account's devices.

mod list;
mod revoke;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// The devices that are logged in
#[derive(Subcommand)]
pub(crate) enum Devices {
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Devices {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Revoke(verb) => verb.run(context).await,
        }
    }
}
