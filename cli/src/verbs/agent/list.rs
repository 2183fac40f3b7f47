use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::Agent;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, moment, printable};

/// List your agents, and when the relay last heard of each
#[derive(Args)]
pub(crate) struct List {}

#[derive(Serialize)]
struct ShownAgent {
    name: String,
    principal_id: String,
    /// Whether its fingerprint was confirmed.
    confirmed: bool,
    /// Unix seconds.
    enrolled_at: i64,
    /// Unix seconds.
    last_seen_at: i64,
    #[serde(skip)]
    last_seen: String,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let agents = context.client().await?.agents().list().await?;
        agents
            .into_iter()
            .try_for_each(|agent| context.report(&ShownAgent::from(agent)))
    }
}

impl From<Agent> for ShownAgent {
    fn from(agent: Agent) -> Self {
        let seen = agent.last_seen_at;
        Self {
            name: agent.name,
            principal_id: agent.principal_id.to_string(),
            confirmed: agent.is_confirmed,
            enrolled_at: agent.created_at.unix_timestamp(),
            last_seen_at: seen.unix_timestamp(),
            last_seen: moment(seen),
        }
    }
}

impl Report for ShownAgent {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let state = if self.confirmed {
            "confirmed"
        } else {
            "not approved"
        };
        let name = printable(&self.name);
        writeln!(
            out,
            "{name:<16} {state:<12}  last seen {}  {}",
            self.last_seen, self.principal_id
        )
    }
}
