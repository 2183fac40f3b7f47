//! Spaces.

mod add_member;
mod create;
mod delete;
mod forget;
mod go_on;
mod grant;
mod leave;
mod list;
mod lost;
mod members;
mod name;
mod policy;
mod rekey;
mod remove_member;
mod replace_member;
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
    Members(members::Members),
    AddMember(add_member::AddMember),
    RemoveMember(remove_member::RemoveMember),
    ReplaceMember(replace_member::ReplaceMember),
    Grant(grant::Grant),
    Policy(policy::Policy),
    Name(name::Name),
    Rekey(rekey::Rekey),
    GoOn(go_on::GoOn),
    Lost(lost::Lost),
    Leave(leave::Leave),
    Forget(forget::Forget),
    Delete(delete::Delete),
}

impl Space {
    /// Whether an agent may never do it: it reads and writes, and has no say in who else does.
    pub(crate) fn is_for_owners(&self) -> bool {
        match self {
            Self::Create(_)
            | Self::AddMember(_)
            | Self::RemoveMember(_)
            | Self::ReplaceMember(_)
            | Self::Grant(_)
            | Self::Rekey(_)
            | Self::Delete(_) => true,
            Self::List(_)
            | Self::Show(_)
            | Self::Members(_)
            | Self::Policy(_)
            | Self::Name(_)
            | Self::GoOn(_)
            | Self::Lost(_)
            | Self::Leave(_)
            | Self::Forget(_) => false,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Members(verb) => verb.run(context).await,
            Self::AddMember(verb) => verb.run(context).await,
            Self::RemoveMember(verb) => verb.run(context).await,
            Self::ReplaceMember(verb) => verb.run(context).await,
            Self::Grant(verb) => verb.run(context).await,
            Self::Policy(verb) => verb.run(context).await,
            Self::Name(verb) => verb.run(context).await,
            Self::Rekey(verb) => verb.run(context).await,
            Self::GoOn(verb) => verb.run(context).await,
            Self::Lost(verb) => verb.run(context).await,
            Self::Leave(verb) => verb.run(context).await,
            Self::Forget(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}
