use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::capabilities::{self, Granted};
use crate::chosen_member::ChosenMember;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;
use crate::people::People;

/// Say what a member may do: no more, no less
#[derive(Args)]
#[command(
    after_help = capabilities::help_with_roles("Examples:\n  sealpost space grant garden bob admin\n  sealpost space grant garden bob write,manage")
)]
pub(crate) struct Grant {
    #[command(flatten)]
    space: ChosenSpace,
    #[command(flatten)]
    member: ChosenMember,
    /// owner, admin, member, reader or agent; or some of write, invite and manage, with commas between
    capabilities: Granted,
}

#[derive(Serialize)]
struct Given {
    space: String,
    principal_id: String,
    capabilities: Vec<&'static str>,
    /// What was typed, for people.
    #[serde(skip)]
    who: String,
}

impl Grant {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let people = People::of(&client).await?;
        let granting = async {
            space.sync().await?;
            let members = space.members().await?;
            let ids = members.iter().map(|member| member.manifest.id());
            let id = self.member.find(ids, &people)?;
            space.set_capabilities(id, self.capabilities.0).await?;
            Ok::<_, Failure>(id)
        };
        let id = patience::wait(&client, context, granting).await?;
        context.report(&Given {
            space: space.id().to_string(),
            principal_id: id.to_string(),
            capabilities: capabilities::names(self.capabilities.0),
            who: self.member.who().to_owned(),
        })
    }
}

impl Report for Given {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let may = capabilities::in_words(&self.capabilities);
        writeln!(out, "{} may now: {may}.", self.who)
    }
}
