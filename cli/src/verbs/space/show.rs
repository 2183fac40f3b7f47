use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::{Error, Space};
use serde::Serialize;

use super::members::ShownMember;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};
use crate::patience;
use crate::people::People;

/// Verify a space and show its members
#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    space: ChosenSpace,
}

#[derive(Serialize)]
struct ShownSpace {
    space: String,
    name: String,
    /// Up to where this device has verified the log.
    seq: u64,
    root: String,
    epoch: u64,
    members: Vec<ShownMember>,
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let found = self.space.find(&client).await?;
        let people = People::of(&client).await?;
        let space = client.space(found.id).await?;
        let reading = read(&space, found.name, &people);
        context.report(&patience::wait(&client, context, reading).await?)
    }
}

async fn read(space: &Space, name: String, people: &People) -> Result<ShownSpace, Error> {
    let verified = space.sync().await?;
    let members = space.members().await?;
    Ok(ShownSpace {
        space: space.id().to_string(),
        name,
        seq: verified.seq,
        root: verified.root.to_string(),
        epoch: space.epoch().await?,
        members: members
            .iter()
            .map(|member| ShownMember::new(member, people))
            .collect(),
    })
}

impl Report for ShownSpace {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "space    {}  {}", self.space, printable(&self.name))?;
        writeln!(
            out,
            "log      verified up to seq {}, root {}",
            self.seq, self.root
        )?;
        writeln!(out, "epoch    {}", self.epoch)?;
        self.members.iter().try_for_each(|member| {
            write!(out, "member   ")?;
            member.write_text(out)
        })
    }
}
