use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::RevokedAgent;
use sealpost_sdk::protocol::ids::SpaceId;
use sealpost_sdk::space::SpaceSummary;
use serde::Serialize;

use crate::chosen_space::called;
use crate::context::Context;
use crate::failure::{Failure, worst_code};
use crate::output::Report;
use crate::patience;

/// End an agent: it is cut off from the relay and taken out of all spaces that you may manage
///
/// What it has read it keeps; everything from then on is sealed under keys that it never had. Said again, it goes on where it could
/// not. It says in which spaces the agent still is, or may be, and why; the exit code is that of the worst reason, 6 where others have
/// to take it out. An agent that was never approved here is taken out only if its whole principal id is given.
#[derive(Args)]
#[command(after_help = "Examples:\n  sealpost agent revoke helper\n  sealpost agent revoke 3f09ab12")]
pub(crate) struct Revoke {
    /// Name of the agent, or six or more first digits of its principal id, from `sealpost agent list`
    name: String,
}

#[derive(Serialize)]
struct Revoked {
    name: String,
    principal_id: String,
    removed_from: Vec<String>,
    still_in: Vec<StillIn>,
    /// How the spaces are called that it was taken out of.
    #[serde(skip)]
    out_of: Vec<String>,
}

#[derive(Serialize)]
struct StillIn {
    space: String,
    why: String,
    #[serde(skip)]
    called: String,
}

impl Revoke {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let agents = client.agents();
        let revoked = patience::wait(&client, context, agents.revoke(&self.name)).await?;
        let spaces = revoked.still_in.len() as u64;
        let code = worst_code(revoked.still_in.iter().map(|(_, why)| why));
        let spaces_known = client.known_spaces().await?;
        context.report(&Revoked::new(self.name, revoked, &spaces_known))?;
        match spaces {
            0 => Ok(()),
            spaces => Err(Failure::AgentRemains { spaces, code }),
        }
    }
}

impl Revoked {
    fn new(name: String, revoked: RevokedAgent, known: &[SpaceSummary]) -> Self {
        let call = |id: &SpaceId| {
            let found = known.iter().find(|space| space.id == *id);
            found.map_or_else(|| id.to_string(), called)
        };
        let still_in = revoked.still_in.into_iter().map(|(space, why)| StillIn {
            space: space.to_string(),
            why: why.to_string(),
            called: call(&space),
        });
        Self {
            name,
            principal_id: revoked.principal_id.to_string(),
            removed_from: revoked.removed_from.iter().map(ToString::to_string).collect(),
            still_in: still_in.collect(),
            out_of: revoked.removed_from.iter().map(call).collect(),
        }
    }
}

impl Report for Revoked {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The relay knows {} no more.", self.name)?;
        for space in &self.out_of {
            writeln!(out, "out of    {space}")?;
        }
        for StillIn { called, why, .. } in &self.still_in {
            writeln!(out, "may be in {called}: {why}")?;
        }
        Ok(())
    }
}
