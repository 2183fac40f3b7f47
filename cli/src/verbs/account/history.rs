use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::{KeptKeystore, PastKeystore};
use serde::Serialize;

use super::super::contact::ShownContact;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};

/// List the versions of the keystore that the relay keeps, newest first, and what each holds
///
/// Keys are not shown. With --json, each version gives a line with version, generation, created_at, length, spaces and
/// contacts.
#[derive(Args)]
pub(crate) struct History {}

#[derive(Serialize)]
struct ShownVersion {
    #[serde(flatten)]
    kept: KeptKeystore,
    generation: u64,
    spaces: Vec<ShownSpace>,
    contacts: Vec<ShownContact>,
}

#[derive(Serialize)]
struct ShownSpace {
    space: String,
    name: String,
}

impl History {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        for kept in client.keystore_history().await? {
            let past = client.past_keystore(kept.version).await?;
            context.report(&ShownVersion::new(kept, past))?;
        }
        Ok(())
    }
}

impl ShownVersion {
    fn new(kept: KeptKeystore, past: PastKeystore) -> Self {
        let spaces = past.spaces.into_iter();
        Self {
            kept,
            generation: past.generation,
            spaces: spaces
                .map(|(id, name)| ShownSpace {
                    space: id.to_string(),
                    name,
                })
                .collect(),
            contacts: past.contacts.iter().map(ShownContact::from).collect(),
        }
    }
}

impl Report for ShownVersion {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let KeptKeystore {
            version,
            length,
            created_at,
        } = &self.kept;
        writeln!(
            out,
            "version {version}  since {}  {length} bytes",
            created_at.date()
        )?;
        for ShownSpace { space, name } in &self.spaces {
            writeln!(out, "    space    {space}  {}", printable(name))?;
        }
        for contact in &self.contacts {
            writeln!(out, "    contact  {}  {}", contact.handle, contact.fingerprint)?;
        }
        Ok(())
    }
}
