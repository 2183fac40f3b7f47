//! What was signed here and the relay has not acked.

mod drop;
mod flush;
mod list;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// Messages that were signed on this device and that the relay has not acked
///
/// They are left behind by a `send` that failed, and go out, as they were signed, before anything else is sent to the space.
/// What was signed before this account was removed from the space, or left it, goes out only with the next `send` or `outbox flush`,
/// should it be a member again. Nothing is kept of a message that is refused because this account may not write.
#[derive(Subcommand)]
pub(crate) enum Outbox {
    List(list::List),
    Flush(flush::Flush),
    Drop(drop::Drop),
}

impl Outbox {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Flush(verb) => verb.run(context).await,
            Self::Drop(verb) => verb.run(context).await,
        }
    }
}
