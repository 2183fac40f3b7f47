use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::Client;
use sealpost_sdk::protocol::manifest::Fingerprint;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::people::People;

/// Show the account of this home
#[derive(Args)]
pub(crate) struct Whoami {}

/// An account as it is reported.
#[derive(Serialize)]
pub(crate) struct Identity {
    handle: String,
    relay: String,
    account_id: String,
    principal_id: String,
    fingerprint: String,
    kind: &'static str,
    /// Whose agent it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Owner>,
}

/// An agent's owner, as its pairing code named them.
#[derive(Serialize)]
struct Owner {
    principal_id: String,
    fingerprint: String,
    /// The handle under which this home confirmed them.
    handle: Option<String>,
}

impl Whoami {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let mut identity = Identity::of(&client);
        if let (Some(owner), Some(id)) = (&mut identity.owner, client.owner()) {
            let people = People::of(&client).await?;
            owner.handle = people.handle(&id).map(str::to_owned);
        }
        context.report(&identity)
    }
}

impl Identity {
    pub(crate) fn of(client: &Client) -> Self {
        let account = client.account();
        let owner = client.owner().map(|id| Owner {
            principal_id: id.to_string(),
            fingerprint: Fingerprint::of(&id).to_string(),
            handle: None,
        });
        Self {
            handle: account.handle,
            relay: client.relay().origin(),
            account_id: account.account_id.to_string(),
            principal_id: account.principal_id.to_string(),
            fingerprint: client.fingerprint().to_string(),
            kind: if owner.is_some() { "agent" } else { "human" },
            owner,
        }
    }
}

impl Report for Identity {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match &self.owner {
            None => writeln!(out, "{} at {}", self.handle, self.relay)?,
            Some(owner) => {
                writeln!(out, "{}, an agent, at {}", self.handle, self.relay)?;
                let handle = owner.handle.as_deref().unwrap_or("(not a contact)");
                writeln!(out, "owner        {handle}  {}", owner.fingerprint)?;
            }
        }
        writeln!(out, "account      {}", self.account_id)?;
        writeln!(out, "principal    {}", self.principal_id)?;
        writeln!(out, "fingerprint  {}", self.fingerprint)
    }
}
