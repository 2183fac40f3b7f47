use clap::Args;

use super::ShownContact;
use crate::context::Context;
use crate::failure::Failure;

/// List contacts and candidates
#[derive(Args)]
pub(crate) struct List {}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let contacts = context.client().await?.contacts().list().await?;
        contacts
            .iter()
            .try_for_each(|contact| context.report(&ShownContact::from(contact)))
    }
}
