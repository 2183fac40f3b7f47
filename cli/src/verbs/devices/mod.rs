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
    /// Whether an agent has nothing of the kind: it has sessions of its own, and lets nobody in.
    pub(crate) fn is_for_owners(&self) -> bool {
        matches!(self, Self::Approve(_))
    }

    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Approve(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Revoke(verb) => verb.run(context).await,
        }
    }
}
