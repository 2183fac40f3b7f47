//! Agents: programs that act for a person.

mod approve;
mod enroll;
mod list;
mod pair;
mod revoke;
mod run;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// Agents: programs that read and write in spaces for you, with keys of their own
#[derive(Subcommand)]
#[command(
    after_help = "From nothing to an answer:\n  sealpost agent pair --name helper                    (you)\n  \
                        sealpost --relay-url URL agent enroll                (on the agent's machine)\n  \
                        sealpost agent approve helper --space garden         (you, with its fingerprint)\n  \
                        sealpost agent run -- ./bot                          (on the agent's machine)"
)]
pub(crate) enum Agent {
    Pair(pair::Pair),
    Enroll(enroll::Enroll),
    Approve(approve::Approve),
    Run(run::Run),
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Agent {
    /// Whether only who has agents can say it.
    pub(crate) fn is_for_owners(&self) -> bool {
        !matches!(self, Self::Enroll(_) | Self::Run(_))
    }

    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Pair(verb) => verb.run(context).await,
            Self::Enroll(verb) => verb.run(context).await,
            Self::Approve(verb) => verb.run(context).await,
            Self::Run(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Revoke(verb) => verb.run(context).await,
        }
    }
}
