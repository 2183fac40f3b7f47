use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::protocol::manifest::Fingerprint;
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;

/// Let somebody in who joined by a link and waits
///
/// By the fingerprint that they read out: whoever got hold of the link could be the one who waits. To turn somebody away, use
/// `sealpost space remove-member`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sealpost invite approve garden --fingerprint '01234 56789 01234 56789 01234 56789 01234 56789'"
)]
pub(crate) struct Approve {
    #[command(flatten)]
    space: ChosenSpace,
    /// Their fingerprint, as they told it
    #[arg(long, value_name = "DIGITS")]
    fingerprint: String,
}

#[derive(Serialize)]
struct Approved {
    space: String,
    principal_id: String,
}

impl Approve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let approving = async {
            space.sync().await?;
            let applicants = space.applicants().await?;
            let mut ids = applicants.iter().map(|applicant| applicant.manifest.id());
            let wanted = digits(&self.fingerprint);
            let id = ids.find(|id| digits(&Fingerprint::of(id).to_string()) == wanted);
            let id = id.ok_or_else(|| Failure::usage("nobody with this fingerprint waits for approval"))?;
            space.approve(id).await?;
            Ok::<_, Failure>(id)
        };
        let id = patience::wait(&client, context, approving).await?;
        context.report(&Approved {
            space: space.id().to_string(),
            principal_id: id.to_string(),
        })
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

impl Report for Approved {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} is a member of {}.", self.principal_id, self.space)
    }
}
