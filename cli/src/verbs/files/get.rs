use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use sealpost_sdk::FOLDER_TYPE;
use serde::Serialize;

use super::chosen::choose;
use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};
use crate::people::People;
use crate::{patience, progress};

/// Get a file or a folder out of a space
///
/// Every chunk is verified before it is written, and the whole before the file appears. Killed half-way, the same command goes
/// on with what it has (NAME.ID.part). Of several files of one name it gets the newest that was not deleted. `--to -` writes to standard output, where bytes appear before the whole is verified: use
/// them only if the command succeeds.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost get garden film.mp4\n  sealpost get garden folder.tar --to - | tar x"
)]
pub(crate) struct Get {
    #[command(flatten)]
    space: ChosenSpace,
    /// Name of the file or folder, or the first six or more digits of its id
    file: String,
    /// Where to; by default its name in this folder; `-` is standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// A file that was fetched.
#[derive(Serialize)]
struct Fetched {
    blob_id: String,
    path: String,
    bytes: u64,
    author: String,
    /// Who put it, for people.
    #[serde(skip)]
    by: String,
}

impl Get {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        let people = People::of(&client).await?;
        let found = choose(&client, context, &space, &self.file).await?.file;
        let reference = &found.reference;
        let bar = progress::bytes("getting", Some(reference.size.length()));
        let watch = progress::watch(&bar);
        let to = self
            .to
            .unwrap_or_else(|| default_path(&reference.name, &reference.blob_id.to_string()));
        let is_pipe = to == Path::new("-");
        let is_folder = reference.content_type == FOLDER_TYPE;
        let got = if is_pipe && is_folder {
            Err(Failure::usage("a folder goes into a folder, not into a pipe"))
        } else if is_pipe {
            let mut out = tokio::io::stdout();
            let got = space.get_blob(reference, &mut out, watch);
            patience::wait_for_first(&client, context, got).await
        } else if to.exists() {
            Err(Failure::usage(format!("{} is there already", to.display())))
        } else if is_folder {
            let got = space.get_folder_to(reference, &to, watch);
            patience::wait_for_first(&client, context, got).await
        } else {
            let got = space.get_blob_to(reference, &to, watch);
            patience::wait_for_first(&client, context, got).await
        };
        bar.finish_and_clear();
        got?;
        if is_pipe {
            return Ok(());
        }
        context.report(&Fetched {
            blob_id: reference.blob_id.to_string(),
            path: to.display().to_string(),
            bytes: bar.length().unwrap_or_default(),
            author: found.author.to_string(),
            by: people.show(&found.author),
        })
    }
}

/// A name has no slash, so it stays in this folder; one that begins with a dot would hide there.
fn default_path(name: &str, id: &str) -> PathBuf {
    match name {
        "" => PathBuf::from(id),
        name if name.starts_with('.') => PathBuf::from(format!("_{name}")),
        name => Path::new(".").join(name),
    }
}

impl Report for Fetched {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{}  {} bytes from {}",
            printable(&self.path),
            self.bytes,
            self.by
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_into_this_folder_and_does_not_hide_there() {
        assert_eq!(default_path("plan.txt", "00"), Path::new("./plan.txt"));
        assert_eq!(default_path("-", "00"), Path::new("./-"));
        assert_eq!(default_path(".bashrc", "00"), Path::new("_.bashrc"));
        assert_eq!(default_path("", "00"), Path::new("00"));
    }
}
