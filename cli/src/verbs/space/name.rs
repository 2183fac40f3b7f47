use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::chosen_space::{ChosenSpace, warn_of_namesakes};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};

/// Give a space a name, for this account and on all its devices
#[derive(Args)]
pub(crate) struct Name {
    #[command(flatten)]
    space: ChosenSpace,
    /// The new name; the relay does not learn it
    name: String,
}

#[derive(Serialize)]
struct Named {
    space: String,
    name: String,
}

impl Name {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let found = self.space.find_listed(&client).await?;
        client.name_space(found.id, &self.name).await?;
        warn_of_namesakes(&client, context, found.id, &self.name).await?;
        context.report(&Named {
            space: found.id.to_string(),
            name: self.name,
        })
    }
}

impl Report for Named {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}  {}", self.space, printable(&self.name))
    }
}
