use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::space::{SpaceEnd, SpaceSummary};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};

/// List the account's spaces
///
/// Those that it reads no more stay listed, with the reason as far as this device has heard it, until `sealpost space forget`.
/// Who waits for approval and is turned away is not told: joining once more by the link says it.
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
    /// member, lost, waiting, turned_away, left, removed, deleted, not_listed; or unknown, where the relay could not be asked.
    state: &'static str,
    /// What keeps it stopped on this device, until `evidence acknowledge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm: Option<String>,
    /// The state for people.
    #[serde(skip)]
    said: &'static str,
}

/// What an account is in a space: the word for scripts, and what is said to people.
fn state(space: &SpaceSummary) -> (&'static str, &'static str) {
    match space.ended {
        _ if space.relay_head.is_some() => ("member", ""),
        _ if space.lost_with.is_some() => LOST,
        _ if space.waits_for_approval => WAITING,
        Some(SpaceEnd::Left) => ("left", "  (left)"),
        Some(SpaceEnd::Removed) => ("removed", "  (not a member any more)"),
        Some(SpaceEnd::Deleted) => ("deleted", "  (deleted)"),
        Some(SpaceEnd::TurnedAway) => ("turned_away", "  (turned away)"),
        Some(SpaceEnd::NotListed) => ("not_listed", "  (not a member, as the relay says)"),
        None => (
            "unknown",
            "  (not known: the relay does not list it, or cannot be asked)",
        ),
    }
}

const LOST: (&str, &str) = ("lost", "  (lost: ask a manager to add you again)");
const WAITING: (&str, &str) = ("waiting", "  (waiting for approval)");

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let mut spaces = client.spaces().await?;
        client.ask_after(&mut spaces).await;
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
        let (state, said) = state(&space);
        Self {
            state,
            said,
            space: space.id.to_string(),
            name: space.name,
            head: space.relay_head,
            alarm: space.alarm.map(|alarm| alarm.what),
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
        let alarm = self.alarm.as_ref().map_or("", |_| "  (stopped by an alarm)");
        writeln!(
            out,
            "{}  {head:>8}  {}{}{alarm}",
            self.space,
            printable(name),
            self.said
        )
    }
}
