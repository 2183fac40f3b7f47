use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use sealpost_sdk::protocol::chain::{Capabilities, Preset};
use sealpost_sdk::protocol::manifest::Fingerprint;
use sealpost_sdk::{Agents, ConfirmedContact, Space};
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;

/// Bring an agent into a space, once its fingerprint was compared
///
/// The fingerprint is typed as the agent's own machine shows it, in digits or in words, and not taken from the relay. Once it was
/// confirmed, the agent can be brought into other spaces without it. You must be one who may manage the space; the agent never may,
/// and brings in nobody.
#[derive(Args)]
#[command(after_help = "Examples:\n  sealpost agent approve helper --space garden\n  \
                        sealpost agent approve helper --space garden --role reader \
                        --fingerprint '01234 56789 01234 56789 01234 56789 01234 56789'")]
pub(crate) struct Approve {
    /// Name of the agent
    name: String,
    /// Name or id of the space, or the first six or more digits of the id
    #[arg(long, value_name = "SPACE")]
    space: String,
    /// What it may do
    #[arg(long, value_enum, default_value_t = Role::Agent)]
    role: Role,
    /// Its fingerprint as its machine shows it; asked for on the terminal by default
    #[arg(long, value_name = "DIGITS OR WORDS")]
    fingerprint: Option<String>,
}

/// What an agent can be.
#[derive(Clone, Copy, ValueEnum)]
enum Role {
    /// Read and write
    Agent,
    /// Read
    Reader,
}

#[derive(Serialize)]
struct Approved {
    name: String,
    space: String,
    principal_id: String,
    fingerprint: String,
    /// How the space is called here.
    #[serde(skip)]
    called: String,
}

impl Approve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let (space, called) = ChosenSpace::named(&self.space).open_called(&client).await?;
        let agent = self.compared(&client.agents()).await?;
        let adding = add(&space, &agent, self.role.capabilities());
        patience::wait(&client, context, adding).await?;
        let principal_id = agent.manifest().id();
        context.report(&Approved {
            name: self.name,
            space: space.id().to_string(),
            principal_id: principal_id.to_string(),
            fingerprint: Fingerprint::of(&principal_id).to_string(),
            called,
        })
    }

    /// The agent whose fingerprint is confirmed, now or earlier.
    async fn compared(&self, agents: &Agents) -> Result<ConfirmedContact, Failure> {
        let known = agents.confirmed(&self.name).await?;
        let fingerprint = match (&self.fingerprint, known) {
            (None, Some(known)) => return Ok(known),
            (Some(fingerprint), _) => fingerprint.clone(),
            (None, None) => ask(&self.name)?,
        };
        Ok(agents.confirm(&self.name, &fingerprint).await?)
    }
}

async fn add(space: &Space, agent: &ConfirmedContact, capabilities: Capabilities) -> Result<(), Failure> {
    space.sync().await?;
    let id = agent.manifest().id();
    if space
        .members()
        .await?
        .iter()
        .any(|member| member.manifest.id() == id)
    {
        return Err(Failure::usage(
            "the agent is in the space already; see `sealpost space grant` to change what it may do",
        ));
    }
    Ok(space.add_member(agent, capabilities).await?)
}

/// Asks for what the agent's machine shows. It is typed, not shown for a yes: a yes comes too easily.
fn ask(name: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "give the fingerprint that the agent's machine shows with --fingerprint",
        ));
    }
    eprint!("Fingerprint of {name}, as its machine shows it (digits or words): ");
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|source| Failure::file("the terminal", source))?;
    Ok(line.trim().to_owned())
}

impl Role {
    fn capabilities(self) -> Capabilities {
        match self {
            Self::Agent => Preset::Agent.capabilities(),
            Self::Reader => Preset::Reader.capabilities(),
        }
    }
}

impl Report for Approved {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The agent {} is in {}.", self.name, self.called)
    }
}
