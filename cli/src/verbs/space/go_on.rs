use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::protocol::ids::PrincipalId;
use sealpost_sdk::{Audience, PublishedAgain};
use serde::Serialize;

use crate::chosen_space::{ChosenSpace, called};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, counted};
use crate::people::People;
use crate::{patience, question};

/// Go on with a space that a restored relay continued without what this device has read
///
/// A space stops with `superseded` where the relay was restored from an older backup and others wrote before this device could bring
/// back what it holds; with an alarm, where only another device of the account has read it: open that device first, and then say `evidence acknowledge` on this one. This
/// takes the relay's log for the space from now on. A relay that only says that it was restored can hide things that way: do it if the people in the space confirm it.
///
/// What this device had read stays on it (`space lost`). Whom it saw removed, or leave, is removed again if you manage the space. Then your
/// own lost messages are published again, unless one of those is still in: have somebody remove them, and say this again. Cut short,
/// it goes on where it was when it is said again.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost space go-on garden")]
pub(crate) struct GoOn {
    #[command(flatten)]
    space: ChosenSpace,
    /// Publish again even if members can read it who had been taken out before
    #[arg(long)]
    to_all: bool,
    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct WentOn {
    space: String,
    /// Who was taken out again.
    removed: Vec<String>,
    /// Who had been taken out or had left, and is a member again.
    back: Vec<String>,
    /// Who had been added, and is no member.
    out: Vec<String>,
    /// Whose rights had been changed, and are as before.
    rights: Vec<String>,
    /// Whether the policy had been changed, and is as before.
    policy: bool,
    published_again: u64,
    /// Own messages that were not published because of who is back.
    held_back: u64,
    /// Files that were put after the backup, which the relay knows nothing of.
    files_lost: u64,
    /// What is said of it to people.
    #[serde(skip)]
    said: Vec<String>,
}

impl GoOn {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let found = self.space.find(&client).await?;
        let people = People::of(&client).await?;
        let asking = client.is_superseded(found.id);
        let is_superseded = patience::wait(&client, context, asking).await?;
        if is_superseded && !self.yes {
            let warning = "What others have lost by this, only they can publish again.";
            question::expect_typed("go on", warning)?;
        }
        let audience = match self.to_all {
            true => Audience::AllMembers,
            false => Audience::WithoutThoseWhoAreBack,
        };
        let going_on = async {
            let space = client.go_on_without(found.id).await?;
            space.publish_again(audience).await
        };
        let again = patience::wait(&client, context, going_on).await?;
        let said = said(&again, &called(&found), &people);
        context.report(&WentOn::new(found.id.to_string(), again, said))
    }
}

impl WentOn {
    fn new(space: String, again: PublishedAgain, said: Vec<String>) -> Self {
        let ids = |ids: Vec<PrincipalId>| ids.iter().map(ToString::to_string).collect();
        Self {
            space,
            removed: ids(again.removed),
            back: ids(again.back),
            out: ids(again.out),
            rights: ids(again.rights),
            policy: again.policy,
            published_again: again.messages,
            held_back: again.held_back,
            files_lost: again.files_lost,
            said,
        }
    }
}

/// What a person has to know of it.
fn said(again: &PublishedAgain, space: &str, people: &People) -> Vec<String> {
    let mut said = Vec::new();
    let mut of_each = |ids: &[PrincipalId], what: &str| {
        said.extend(ids.iter().map(|id| format!("{} {what}", people.show(id))));
    };
    of_each(&again.removed, "is removed again.");
    of_each(
        &again.back,
        "had been removed or had left, and is a member again: somebody who manages the space has to remove them.",
    );
    of_each(
        &again.out,
        "had been added, and is not in the space (`sealpost space add-member`).",
    );
    of_each(
        &again.rights,
        "had been given other rights, and has the old ones (`sealpost space grant`).",
    );
    if again.policy {
        said.push("The policy had been changed, and is the old one (`sealpost space policy`).".to_owned());
    }
    if again.files_lost > 0 {
        let files = counted(again.files_lost, "file");
        said.push(format!(
            "The relay knows nothing of {files}: their authors have to put them again."
        ));
    }
    if again.held_back > 0 {
        let messages = counted(again.held_back, "message");
        said.push(format!(
            "{messages} of yours would be read by who is back: say this again once they are removed, or with --to-all."
        ));
    }
    let messages = counted(again.messages, "message");
    said.push(format!("{space} goes on; {messages} of yours published again."));
    said
}

impl Report for WentOn {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        self.said.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}
