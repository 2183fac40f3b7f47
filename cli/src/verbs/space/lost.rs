use clap::Args;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::people::People;
use crate::verbs::tail;

/// Show what this device has read of a space and the relay lost, once `space go-on` has set it aside
///
/// Places are those of then. With --json, lines are those of `tail`.
#[derive(Args)]
#[command(after_help = "Example:\n  sealpost space lost garden")]
pub(crate) struct Lost {
    #[command(flatten)]
    space: ChosenSpace,
}

impl Lost {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let people = People::of(&client).await?;
        tail::print(context, &people, space.lost()).await
    }
}
