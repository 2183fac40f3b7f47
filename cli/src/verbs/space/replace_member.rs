use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::add_member::confirmed;
use super::rekey::follow_rekey;
use crate::chosen_member::ChosenMember;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;
use crate::people::People;

/// Put a member's new keys in the place of the old ones
///
/// For somebody who has started over (`sealpost account start-over`), or whose device was stolen: the new keys get the same
/// capabilities, the old ones are cut off at once, and the space gets a new key. If the handle is still confirmed with the old
/// keys, remove that first: `sealpost contact remove`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sealpost contact remove bob\n  sealpost space replace-member garden 3f09ab12 bob \
                  --fingerprint '01234 56789 01234 56789 01234 56789 01234 56789'"
)]
pub(crate) struct ReplaceMember {
    #[command(flatten)]
    space: ChosenSpace,
    #[command(flatten)]
    old: ChosenMember,
    /// Handle of who takes their place
    handle: String,
    /// The new fingerprint, as they told it
    #[arg(long, value_name = "DIGITS OR WORDS")]
    fingerprint: Option<String>,
}

#[derive(Serialize)]
struct Replaced {
    space: String,
    old_principal_id: String,
    handle: String,
    principal_id: String,
    epoch: u64,
}

impl ReplaceMember {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let new = confirmed(&client, &self.handle, self.fingerprint.as_deref()).await?;
        let space = self.space.open(&client).await?;
        let people = People::of(&client).await?;
        let replacing = async {
            space.sync().await?;
            let members = space.members().await?;
            let old = self
                .old
                .find(members.iter().map(|member| member.manifest.id()), &people)?;
            follow_rekey(&space, space.replace_member(old, &new)).await?;
            Ok::<_, Failure>((old, space.epoch().await?))
        };
        let (old, epoch) = patience::wait(&client, context, replacing).await?;
        context.report(&Replaced {
            space: space.id().to_string(),
            old_principal_id: old.to_string(),
            handle: self.handle,
            principal_id: new.manifest().id().to_string(),
            epoch,
        })
    }
}

impl Report for Replaced {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} is in the space with new keys; the old ones are out. The space is in epoch {}.",
            self.handle, self.epoch
        )
    }
}
