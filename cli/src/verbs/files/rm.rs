use clap::Args;
use sealpost_sdk::FOLDER_TYPE;

use super::chosen::{all, pick};
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::patience;

/// Delete a file of a space, or a folder with all its files
///
/// Nobody can get it any more, and its bytes are removed from the storage. The message that refers to it stays. For who put it,
/// and for who manages the space.
#[derive(Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    space: ChosenSpace,
    /// Name of the file or folder, or the first six or more digits of its id
    file: String,
}

impl Remove {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let found = pick(&self.file, all(&client, context, &space).await?)?;
        let reference = &found.reference;
        if reference.content_type == FOLDER_TYPE {
            return patience::wait(&client, context, space.delete_folder(reference, found.author)).await;
        }
        patience::wait(&client, context, space.delete_blob(reference, found.author)).await
    }
}
