use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::FOLDER_TYPE;
use serde::Serialize;

use super::chosen::{Chosen, SHOWN_DIGITS, choose};
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};
use crate::patience;

/// Delete a file of a space, or a folder with all its files
///
/// Nobody can get it any more, and its bytes are removed from the storage. The message that refers to it stays. For who put it,
/// and for who manages the space. Of several files of one name it deletes the newest that is there, and says which one comes to light.
///
/// With --json it gives a line with space, blob_id, name, bytes (of a file), and older: the id of the next file of the same name.
#[derive(Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    space: ChosenSpace,
    /// Name of the file or folder, or the first six or more digits of its id
    file: String,
}

#[derive(Serialize)]
struct Removed {
    space: String,
    blob_id: String,
    name: String,
    /// Of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The file that the name stands for now.
    older: Option<String>,
}

impl Remove {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let Chosen { file, older } = choose(&client, context, &space, &self.file).await?;
        let reference = &file.reference;
        let is_folder = reference.content_type == FOLDER_TYPE;
        if is_folder {
            patience::wait(&client, context, space.delete_folder(reference, file.author)).await?;
        } else {
            patience::wait(&client, context, space.delete_blob(reference, file.author)).await?;
        }
        let mut next = None;
        for older in older {
            if next.is_none() && patience::wait(&client, context, space.has_blob(&older.reference)).await? {
                next = Some(older.reference.blob_id.to_string());
            }
        }
        context.report(&Removed {
            space: space.id().to_string(),
            blob_id: reference.blob_id.to_string(),
            name: reference.name.clone(),
            bytes: (!is_folder).then(|| reference.size.length()),
            older: next,
        })
    }
}

impl Report for Removed {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let (id, name) = (&self.blob_id[..SHOWN_DIGITS], printable(&self.name));
        match self.bytes {
            Some(bytes) => writeln!(out, "{id}  {bytes} bytes  {name}  deleted")?,
            None => writeln!(out, "{id}  folder  {name}/  deleted")?,
        }
        match &self.older {
            Some(older) => writeln!(
                out,
                "An older one of this name is there: {}",
                &older[..SHOWN_DIGITS]
            ),
            None => Ok(()),
        }
    }
}
