use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::protocol::chain::Member;
use sealpost_sdk::{Client, ConfirmedContact};
use serde::Serialize;

use crate::capabilities::{self, Granted};
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
    after_help = capabilities::help_with_roles("Examples:\n  sealpost space add-member garden bob\n  sealpost space add-member garden bob --role reader\n  sealpost space add-member garden bob \
                        --fingerprint '01234 56789 01234 56789 01234 56789 01234 56789'")
)]
pub(crate) struct AddMember {
    #[command(flatten)]
    space: ChosenSpace,
    /// Whom
    handle: String,
    /// Their fingerprint, as they told it
    #[arg(long, value_name = "DIGITS OR WORDS")]
    fingerprint: Option<String>,
    /// What they may do: owner, admin, member, reader or agent; or some of write, invite and manage, with commas between
    #[arg(long, default_value = "member")]
    role: Granted,
}

#[derive(Serialize)]
struct Added {
    space: String,
    handle: String,
    principal_id: String,
    /// Not where they were a member already.
    added: bool,
    /// How the space is called here.
    #[serde(skip)]
    called: String,
}

impl AddMember {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let contact = confirmed(&client, &self.handle, self.fingerprint.as_deref()).await?;
        let (space, called) = self.space.open_called(&client).await?;
        let adding = async {
            space.sync().await?;
            let is_new = self.is_newcomer(&contact, &space.members().await?)?;
            space.add_member(&contact, self.role.0).await?;
            Ok::<_, Failure>(is_new)
        };
        let added = patience::wait(&client, context, adding).await?;
        context.report(&Added {
            space: space.id().to_string(),
            handle: self.handle,
            principal_id: contact.manifest().id().to_string(),
            added,
            called,
        })
    }

    /// Who is in the space already is not added once more with another role. Adding with the same is finished, should it have
    /// been cut short.
    fn is_newcomer(&self, contact: &ConfirmedContact, members: &[Member]) -> Result<bool, Failure> {
        let id = contact.manifest().id();
        let member = match members.iter().find(|member| member.manifest.id() == id) {
            None => return Ok(true),
            Some(member) if member.capabilities == self.role.0 => return Ok(false),
            Some(member) => member,
        };
        let Self { space, handle, .. } = self;
        Err(Failure::usage(format!(
            "{handle} is a member already and may {}; nothing was changed. `sealpost space grant {} {handle} {}` changes what \
             they may do",
            capabilities::in_words(&capabilities::names(member.capabilities)),
            space.typed(),
            capabilities::argument(self.role.0),
        )))
    }
}

/// The confirmed contact of this handle; or, where a fingerprint was told, whoever has it at the relay with that fingerprint.
pub(super) async fn confirmed(
    client: &Client,
    handle: &str,
    fingerprint: Option<&str>,
) -> Result<ConfirmedContact, Failure> {
    let contacts = client.contacts();
    let Some(fingerprint) = fingerprint else {
        return Ok(contacts.confirmed(handle).await?);
    };
    contacts.look_up(handle).await?;
    Ok(contacts.confirm(handle, fingerprint).await?)
}

impl Report for Added {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match self.added {
            true => writeln!(out, "{} is a member of {}.", self.handle, self.called),
            false => writeln!(
                out,
                "{} was a member of {} already. They find it under the id {} (`sealpost space list`, `sealpost tail`).",
                self.handle, self.called, self.space
            ),
        }
    }
}
