//! Invites.

mod approve;
mod create;
mod list;
mod revoke;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// Invite links: who has one can join
#[derive(Subcommand)]
pub(crate) enum Invite {
    Create(create::Create),
    List(list::List),
    Approve(approve::Approve),
    Revoke(revoke::Revoke),
}

impl Invite {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Approve(verb) => verb.run(context).await,
            Self::Revoke(verb) => verb.run(context).await,
        }
    }
}
