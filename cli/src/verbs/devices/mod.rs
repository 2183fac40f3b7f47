//! The account's devices.

mod approve;
mod list;
mod revoke;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// The devices that are logged in, and new ones
#[derive(Subcommand)]
pub(crate) enum Devices {
    Approve(approve::Approve),
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Devices {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Approve(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Revoke(verb) => verb.run(context).await,
        }
    }
}
