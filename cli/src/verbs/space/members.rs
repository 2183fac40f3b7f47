use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::protocol::chain::Member;
use sealpost_sdk::protocol::wire::PrincipalKind;
use serde::Serialize;

use crate::capabilities;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;
use crate::people::People;

/// Verify a space and list its members and what they may do
#[derive(Args)]
pub(crate) struct Members {
    #[command(flatten)]
    space: ChosenSpace,
}

#[derive(Serialize)]
pub(super) struct ShownMember {
    principal_id: String,
    /// The handle under which the owner confirmed them.
    handle: Option<String>,
    kind: &'static str,
    capabilities: Vec<&'static str>,
}

impl Members {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let people = People::of(&client).await?;
        let reading = async {
            space.sync().await?;
            space.members().await
        };
        let members = patience::wait(&client, context, reading).await?;
        members
            .iter()
            .try_for_each(|member| context.report(&ShownMember::new(member, &people)))
    }
}

impl ShownMember {
    pub(super) fn new(member: &Member, people: &People) -> Self {
        let id = member.manifest.id();
        Self {
            principal_id: id.to_string(),
            handle: people.handle(&id).map(str::to_owned),
            kind: match member.manifest.kind() {
                PrincipalKind::Agent => "agent",
                _ => "human",
            },
            capabilities: capabilities::names(member.capabilities),
        }
    }
}

impl Report for ShownMember {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let handle = self.handle.as_deref().unwrap_or("(not a contact)");
        let may = capabilities::in_words(&self.capabilities);
        writeln!(out, "{}  {handle}  {}  {may}", self.principal_id, self.kind)
    }
}
