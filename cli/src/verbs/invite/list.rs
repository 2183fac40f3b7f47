use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::Error;
use sealpost_sdk::protocol::chain::{Applicant, Invite};
use sealpost_sdk::protocol::manifest::Fingerprint;
use serde::Serialize;

use crate::capabilities;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, moment_of};
use crate::patience;
use crate::people::People;

/// List open invites, and who waits for approval
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    space: ChosenSpace,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Shown {
    /// An open invite.
    Invite {
        key: String,
        capabilities: Vec<&'static str>,
        uses_left: u32,
        /// Unix seconds; 0 is never.
        expires_at_s: u64,
        needs_approval: bool,
        created_by: String,
        #[serde(skip)]
        name: String,
    },
    /// Somebody who accepted one.
    Applicant {
        principal_id: String,
        fingerprint: String,
        fingerprint_words: String,
        capabilities: Vec<&'static str>,
        invite: String,
        #[serde(skip)]
        name: String,
    },
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let people = People::of(&client).await?;
        let reading = async {
            space.sync().await?;
            Ok::<_, Error>((space.invites().await?, space.applicants().await?))
        };
        let (invites, applicants) = patience::wait(&client, context, reading).await?;
        for invite in &invites {
            context.report(&Shown::invite(invite, &people))?;
        }
        applicants
            .iter()
            .try_for_each(|applicant| context.report(&Shown::applicant(applicant, &people)))
    }
}

impl Shown {
    fn invite(invite: &Invite, people: &People) -> Self {
        Self::Invite {
            key: hex(invite.key.as_bytes()),
            capabilities: capabilities::names(invite.capabilities),
            uses_left: invite.uses_left,
            expires_at_s: invite.expires_at_s,
            needs_approval: invite.needs_approval,
            created_by: invite.created_by.to_string(),
            name: people.show(&invite.created_by),
        }
    }

    fn applicant(applicant: &Applicant, people: &People) -> Self {
        let id = applicant.manifest.id();
        let fingerprint = Fingerprint::of(&id);
        Self::Applicant {
            principal_id: id.to_string(),
            fingerprint: fingerprint.to_string(),
            fingerprint_words: fingerprint.words(),
            capabilities: capabilities::names(applicant.capabilities),
            invite: hex(applicant.invite_key.as_bytes()),
            name: people.show(&id),
        }
    }
}

/// The name of an invite.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Report for Shown {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Invite {
                key,
                capabilities,
                uses_left,
                expires_at_s,
                needs_approval,
                name,
                ..
            } => {
                let may = capabilities::in_words(capabilities);
                let ends = match expires_at_s {
                    0 => "without end".to_owned(),
                    at => format!("until {}", moment_of(*at)),
                };
                let approval = if *needs_approval { ", with approval" } else { "" };
                writeln!(
                    out,
                    "invite   {key}  by {name}: {may}; {uses_left} left, {ends}{approval}"
                )
            }
            Self::Applicant {
                name,
                fingerprint,
                capabilities,
                ..
            } => {
                let may = capabilities::in_words(capabilities);
                writeln!(out, "waiting  {name}: {may}; fingerprint {fingerprint}")
            }
        }
    }
}
