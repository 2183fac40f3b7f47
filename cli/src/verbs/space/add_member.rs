use std::io::{self, Write};

use clap::{Args, ValueEnum};
use sealpost_sdk::protocol::chain::Capabilities;
use sealpost_sdk::{Client, ConfirmedContact};
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;

/// Add a person to a space
///
/// They must be a confirmed contact; or give the fingerprint that they read out, and the relay is asked for their keys, which
/// must have it.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost space add-member garden bob\n  sealpost space add-member garden bob \
                        --fingerprint '01234 56789 01234 56789 01234 56789 01234 56789'"
)]
pub(crate) struct AddMember {
    #[command(flatten)]
    space: ChosenSpace,
    /// Whom
    handle: String,
    /// Their fingerprint, as they told it
    #[arg(long, value_name = "DIGITS")]
    fingerprint: Option<String>,
    /// What they may do
    #[arg(long, value_enum, default_value_t = Role::Writer)]
    role: Role,
}

/// Capabilities under a name.
#[derive(Clone, Copy, ValueEnum)]
enum Role {
    /// Read
    Reader,
    /// Read and write
    Writer,
    /// Read, write and bring in others
    Inviter,
    /// Everything, removing members included
    Manager,
}

#[derive(Serialize)]
struct Added {
    space: String,
    handle: String,
    principal_id: String,
}

impl AddMember {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let contact = self.contact(&client).await?;
        let space = self.space.open(&client).await?;
        let adding = space.add_member(&contact, self.role.capabilities());
        patience::wait(&client, context, adding).await?;
        context.report(&Added {
            space: space.id().to_string(),
            handle: self.handle,
            principal_id: contact.manifest().id().to_string(),
        })
    }

    async fn contact(&self, client: &Client) -> Result<ConfirmedContact, Failure> {
        let contacts = client.contacts();
        let Some(fingerprint) = &self.fingerprint else {
            return Ok(contacts.confirmed(&self.handle).await?);
        };
        contacts.look_up(&self.handle).await?;
        Ok(contacts.confirm(&self.handle, fingerprint).await?)
    }
}

impl Role {
    fn capabilities(self) -> Capabilities {
        match self {
            Self::Reader => Capabilities::NONE,
            Self::Writer => Capabilities::WRITE,
            Self::Inviter => Capabilities::WRITE.with(Capabilities::INVITE),
            Self::Manager => Capabilities::ALL,
        }
    }
}

impl Report for Added {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} is a member of {}.", self.handle, self.space)
    }
}
