use std::io::{self, BufRead, Read, Write};

use clap::Args;
use sealpost_sdk::protocol::ids::SpaceId;
use sealpost_sdk::{Client, InviteLink, Joined};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};
use crate::patience;
use crate::secret_input;

/// Longest line that is read; links are much shorter.
const LONGEST: u64 = 4096;

/// Join a space by an invite link
///
/// The link is a key. It is asked for on the terminal, or read from the file that SEALPOST_INVITE_FILE names. It may be given as an
/// argument, too: other users of this machine then see it in the list of processes, and your shell keeps it. Quote it: what matters
/// in it stands behind the #.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost join --name garden\n  sealpost join - < link\n  sealpost join 'https://relay.example.org/i#AZx...'"
)]
pub(crate) struct Join {
    /// The link, or - for the first line of the input; asked for by default
    link: Option<String>,
    /// How this account calls the space
    #[arg(long)]
    name: Option<String>,
}

#[derive(Serialize)]
struct JoinedSpace {
    space: String,
    state: &'static str,
    /// How the space was called here until now.
    #[serde(skip)]
    before: Option<String>,
    /// How the space is called here.
    #[serde(skip)]
    called: String,
}

/// How a space is called here, if it has a name.
async fn name_of(client: &Client, id: SpaceId) -> Result<Option<String>, Failure> {
    let known = client.known_spaces().await?;
    let named = known
        .into_iter()
        .find(|space| space.id == id && !space.name.is_empty());
    Ok(named.map(|space| space.name))
}

impl Join {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let link: InviteLink = self.text()?.parse().map_err(|error: sealpost_sdk::LinkError| {
            Failure::usage(format!(
                "{error}. If that is all of it, it was altered on its way"
            ))
        })?;
        let client = context.client().await?;
        let id = link.space_id();
        let joining = async {
            let joined = client.join(&link).await?;
            let state = match &joined {
                Joined::Waiting(_) => "waiting for approval",
                Joined::Member(space) if space.has_key().await? => "member",
                Joined::Member(_) => "waiting for a key",
            };
            let before = name_of(&client, id).await?;
            if let Some(name) = &self.name {
                client.name_space(id, name).await?;
            }
            Ok::<_, Failure>((state, before))
        };
        let (state, before) = patience::wait(&client, context, joining).await?;
        let called = name_of(&client, id).await?;
        context.report(&JoinedSpace {
            space: id.to_string(),
            state,
            before: before.filter(|before| Some(before) != called.as_ref()),
            called: called.unwrap_or_else(|| id.to_string()),
        })
    }

    fn text(&self) -> Result<Zeroizing<String>, Failure> {
        match self.link.as_deref() {
            None => secret_input::invite_link(),
            Some("-") => {
                let mut line = Zeroizing::new(String::with_capacity(LONGEST as usize));
                let read = io::stdin().lock().take(LONGEST).read_line(&mut line);
                read.map_err(|source| match source.kind() {
                    io::ErrorKind::InvalidData => {
                        Failure::usage("standard input: that is no text, and no invite link")
                    }
                    _ => Failure::file("standard input", source),
                })?;
                Ok(line)
            }
            Some(link) => Ok(Zeroizing::new(link.to_owned())),
        }
    }
}

impl Report for JoinedSpace {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        match self.state {
            "member" => writeln!(out, "This account is a member of {}.", printable(&self.called)),
            "waiting for approval" => writeln!(
                out,
                "A member of {} must approve this account: read your fingerprint to them (`sealpost fingerprint`).",
                printable(&self.called)
            ),
            _ => writeln!(
                out,
                "This account is a member of {}; the first member who is online gives it a key.",
                printable(&self.called)
            ),
        }?;
        match &self.before {
            Some(before) => writeln!(out, "It was called {} here until now.", printable(before)),
            None => Ok(()),
        }
    }
}
