//! Spaces.

mod add_member;
mod create;
mod list;
mod name;
mod rekey;
mod show;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// Spaces: one log each, for their members alone
#[derive(Subcommand)]
pub(crate) enum Space {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    AddMember(add_member::AddMember),
    Name(name::Name),
    Rekey(rekey::Rekey),
}

impl Space {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::AddMember(verb) => verb.run(context).await,
            Self::Name(verb) => verb.run(context).await,
            Self::Rekey(verb) => verb.run(context).await,
        }
    }
}
