use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::rekey::follow_rekey;
use crate::chosen_member::ChosenMember;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;
use crate::people::People;

/// Take a member out of a space
///
/// The relay cuts them off at once, and everything from then on is sealed under a key that they never had. What they have read
/// they keep. Open invites of the space are void: make new ones.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost space remove-member garden bob")]
pub(crate) struct RemoveMember {
    #[command(flatten)]
    space: ChosenSpace,
    #[command(flatten)]
    member: ChosenMember,
}

#[derive(Serialize)]
struct Removed {
    space: String,
    principal_id: String,
    epoch: u64,
    /// What was typed, for people.
    #[serde(skip)]
    who: String,
}

impl RemoveMember {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let people = People::of(&client).await?;
        let removing = async {
            space.sync().await?;
            let members = space.members().await?;
            let waiting = space.applicants().await?;
            let ids = members.iter().map(|member| member.manifest.id());
            let ids = ids.chain(waiting.iter().map(|applicant| applicant.manifest.id()));
            let id = self.member.find(ids, &people)?;
            follow_rekey(&space, space.remove_member(id)).await?;
            Ok::<_, Failure>((id, space.epoch().await?))
        };
        let (id, epoch) = patience::wait(&client, context, removing).await?;
        context.report(&Removed {
            space: space.id().to_string(),
            principal_id: id.to_string(),
            epoch,
            who: self.member.who().to_owned(),
        })
    }
}

impl Report for Removed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} is no longer in the space, which is in epoch {}.",
            self.who, self.epoch
        )
    }
}
