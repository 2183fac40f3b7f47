use std::io::{self, Write};

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use sealpost_sdk::FOLDER_TYPE;
use serde::Serialize;

use super::chosen::{Found, SHOWN_DIGITS, all};
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};
use crate::patience;
use crate::people::People;

/// List the files and folders of a space, oldest first
///
/// These are the messages that refer to files; of each the relay is asked whether it was deleted since.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    space: ChosenSpace,
    /// Do not ask which of them were deleted: one request a file
    #[arg(long)]
    unchecked: bool,
}

/// Questions under way at once.
const AT_ONCE: usize = 8;

/// One file.
#[derive(Serialize)]
struct Line {
    blob_id: String,
    name: String,
    content_type: String,
    bytes: u64,
    seq: u64,
    author: String,
    /// `None` where that was not asked.
    deleted: Option<bool>,
    /// Who put it, for people.
    #[serde(skip)]
    by: String,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let people = People::of(&client).await?;
        let files = all(&client, context, &space).await?;
        let (space, unchecked) = (&space, self.unchecked);
        let asked = files.into_iter().map(|found| async move {
            let deleted = match unchecked {
                true => None,
                false => Some(!space.has_blob(&found.reference).await?),
            };
            Ok::<_, Failure>((found, deleted))
        });
        let mut asked = stream::iter(asked).buffered(AT_ONCE);
        while let Some((found, deleted)) = patience::wait(&client, context, asked.try_next()).await? {
            context.report(&Line::new(found, deleted, &people))?;
        }
        Ok(())
    }
}

impl Line {
    fn new(found: Found, deleted: Option<bool>, people: &People) -> Self {
        Self {
            blob_id: found.reference.blob_id.to_string(),
            bytes: found.reference.size.length(),
            name: found.reference.name,
            content_type: found.reference.content_type,
            seq: found.seq,
            author: found.author.to_string(),
            deleted,
            by: people.show(&found.author),
        }
    }
}

impl Report for Line {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let (id, name) = (&self.blob_id[..SHOWN_DIGITS], printable(&self.name));
        let end = match self.deleted {
            Some(true) => "  (deleted)",
            Some(false) | None => "",
        };
        match self.content_type == FOLDER_TYPE {
            true => writeln!(out, "{id}  {:>14}  {}  {name}/{end}", "folder", self.by),
            false => writeln!(out, "{id}  {:>14}  {}  {name}{end}", self.bytes, self.by),
        }
    }
}
