use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::protocol::ids::PrincipalId;
use sealpost_sdk::protocol::manifest::Fingerprint;
use serde::Serialize;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::patience;
use crate::people::People;

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
    #[arg(long, value_name = "DIGITS OR WORDS")]
    fingerprint: String,
}

#[derive(Serialize)]
struct Approved {
    space: String,
    principal_id: String,
    #[serde(skip)]
    who: String,
    /// How the space is called here.
    #[serde(skip)]
    called: String,
}

impl Approve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        if !Fingerprint::is_one(&self.fingerprint) {
            return Err(Failure::usage(
                "a fingerprint has 40 digits, or twelve words of its list",
            ));
        }
        let client = context.client().await?;
        let (space, called) = self.space.open_called(&client).await?;
        let people = People::of(&client).await?;
        let approving = async {
            space.sync().await?;
            let applicants = space.applicants().await?;
            let ids = applicants.iter().map(|applicant| applicant.manifest.id());
            let id = whose(&self.fingerprint, ids)
                .ok_or_else(|| Failure::usage("nobody with this fingerprint waits for approval"))?;
            space.approve(id).await?;
            Ok::<_, Failure>(id)
        };
        let id = patience::wait(&client, context, approving).await?;
        context.report(&Approved {
            space: space.id().to_string(),
            principal_id: id.to_string(),
            who: people.show(&id),
            called,
        })
    }
}

fn whose(fingerprint: &str, mut among: impl Iterator<Item = PrincipalId>) -> Option<PrincipalId> {
    among.find(|id| Fingerprint::of(id).matches(fingerprint))
}

impl Report for Approved {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} is a member of {}.", self.who, self.called)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applicant_is_found_by_the_digits_and_by_the_words_of_their_fingerprint() {
        let ids = [[7; 32], [8; 32]].map(PrincipalId::new);
        for id in ids {
            let fingerprint = Fingerprint::of(&id);
            for text in [fingerprint.to_string(), fingerprint.words()] {
                assert_eq!(whose(&text, ids.into_iter()), Some(id), "{text}");
            }
        }
        let of_nobody = Fingerprint::of(&PrincipalId::new([9; 32])).words();
        assert_eq!(whose(&of_nobody, ids.into_iter()), None);
    }
}
