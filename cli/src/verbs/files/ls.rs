use std::io::{self, Write};

use clap::Args;
use sealpost_sdk::FOLDER_TYPE;
use serde::Serialize;

use super::chosen::{Found, all};
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};
use crate::people::People;

/// List the files and folders of a space, oldest first
///
/// These are the messages that refer to files; one that was deleted since is still in the list.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    space: ChosenSpace,
}

/// One file.
#[derive(Serialize)]
struct Line {
    blob_id: String,
    name: String,
    content_type: String,
    bytes: u64,
    seq: u64,
    author: String,
    /// Who put it, for people.
    #[serde(skip)]
    by: String,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let people = People::of(&client).await?;
        for found in all(&client, context, &space).await? {
            context.report(&Line::new(found, &people))?;
        }
        Ok(())
    }
}

impl Line {
    fn new(found: Found, people: &People) -> Self {
        Self {
            blob_id: found.reference.blob_id.to_string(),
            bytes: found.reference.size.length(),
            name: found.reference.name,
            content_type: found.reference.content_type,
            seq: found.seq,
            author: found.author.to_string(),
            by: people.show(&found.author),
        }
    }
}

impl Report for Line {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let (id, name) = (&self.blob_id[..12], printable(&self.name));
        match self.content_type == FOLDER_TYPE {
            true => writeln!(out, "{id}  {:>14}  {}  {name}/", "folder", self.by),
            false => writeln!(out, "{id}  {:>14}  {}  {name}", self.bytes, self.by),
        }
    }
}
