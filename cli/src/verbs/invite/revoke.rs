use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::list::hex;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;

/// Fewest digits that name an invite.
const SHORTEST_PREFIX: usize = 6;

/// Close an invite, and turn away who waits for approval by it
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost invite revoke garden 3f09ab")]
pub(crate) struct Revoke {
    #[command(flatten)]
    space: ChosenSpace,
    /// Six or more first digits of the invite's key, from `sealpost invite list`
    invite: String,
}

#[derive(Serialize)]
struct Revoked {
    space: String,
    key: String,
}

impl Revoke {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let revoking = async {
            space.sync().await?;
            let open = space.invites().await?;
            let waiting = space.applicants().await?;
            let keys = open.iter().map(|invite| invite.key);
            let mut keys: Vec<_> = keys
                .chain(waiting.iter().map(|applicant| applicant.invite_key))
                .filter(|key| {
                    self.invite.len() >= SHORTEST_PREFIX && hex(key.as_bytes()).starts_with(&self.invite)
                })
                .collect();
            keys.dedup_by_key(|key| *key.as_bytes());
            let [key] = keys[..] else {
                return Err(Failure::usage(format!(
                    "{:?} is not one invite; see `sealpost invite list`",
                    self.invite
                )));
            };
            space.revoke_invite(key).await?;
            Ok(hex(key.as_bytes()))
        };
        let key = patience::wait(&client, context, revoking).await?;
        context.report(&Revoked {
            space: space.id().to_string(),
            key,
        })
    }
}

impl Report for Revoked {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The invite {} is closed.", self.key)
    }
}
