use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::space::SpaceSummary;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};

/// List the account's spaces
#[derive(Args)]
pub(crate) struct List {}

#[derive(Serialize)]
struct ShownSpace {
    space: String,
    name: String,
    /// The last place of its log, as the relay says.
    head: Option<u64>,
    /// The principal that was the member, where the owner has started over since.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_with: Option<String>,
    /// Whether this account accepted an invite and a member still has to approve it.
    waiting_for_approval: bool,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let spaces = context.client().await?.spaces().await?;
        if !spaces.is_empty() {
            context.heading(&format!("{:<64}  {:>8}  NAME", "ID", "HEAD"))?;
        }
        spaces
            .into_iter()
            .try_for_each(|space| context.report(&ShownSpace::from(space)))
    }
}

impl From<SpaceSummary> for ShownSpace {
    fn from(space: SpaceSummary) -> Self {
        Self {
            space: space.id.to_string(),
            name: space.name,
            head: space.relay_head,
            lost_with: space.lost_with.map(|id| id.to_string()),
            waiting_for_approval: space.waits_for_approval,
        }
    }
}

impl Report for ShownSpace {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let head = self.head.map_or_else(|| "-".to_owned(), |head| head.to_string());
        let name = if self.name.is_empty() {
            "(no name)"
        } else {
            &self.name
        };
        let state = match self.lost_with {
            Some(_) => "  (lost: ask a manager to add you again)",
            None if self.waiting_for_approval => "  (waiting for approval)",
            None => "",
        };
        writeln!(out, "{}  {head:>8}  {}{state}", self.space, printable(name))
    }
}
