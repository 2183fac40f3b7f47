use std::fs::Metadata;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;
use sealpost_sdk::{Client, PutBlob, PutOptions, Space};
use serde::Serialize;
use tokio::fs::File;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, printable};
use crate::{patience, progress};

/// Put files into a space
///
/// A file is sealed on this device and stored in parts, and a message with its key goes to the members. Killed half-way, the same
/// command puts the parts that are missing and sends the message once. `-` is standard input, which cannot be gone on with.
///
/// With --json, each file gives a line with space, blob_id, name, bytes and seq.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost put garden photo.jpg film.mp4\n  tar c folder | sealpost put garden - --name folder.tar"
)]
pub(crate) struct Put {
    #[command(flatten)]
    space: ChosenSpace,
    /// The files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What readers are told it is called; by default the file's name
    #[arg(long)]
    name: Option<String>,
    /// Its media type
    #[arg(long, value_name = "TYPE", default_value = "")]
    content_type: String,
}

/// A file that is stored.
#[derive(Serialize)]
struct Stored {
    space: String,
    blob_id: String,
    name: String,
    bytes: u64,
    seq: u64,
}

impl Put {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        if self.name.is_some() && self.files.len() > 1 {
            return Err(Failure::usage("--name is for one file"));
        }
        let client = context.client().await?;
        let space = self.space.open(&client).await?;
        for file in &self.files {
            let put = self.put(&client, context, &space, file).await?;
            context.report(&Stored::new(&space, &put))?;
        }
        Ok(())
    }

    async fn put(
        &self,
        client: &Client,
        context: &Context,
        space: &Space,
        path: &Path,
    ) -> Result<PutBlob, Failure> {
        let mut options = PutOptions {
            name: self.name.clone().unwrap_or_else(|| name_of(path)),
            content_type: self.content_type.clone(),
            ..PutOptions::default()
        };
        if path == Path::new("-") {
            let bar = progress::bytes("putting", None);
            options.watch = watch(&bar);
            let put = space.put_blob(tokio::io::stdin(), options);
            return finish(&bar, patience::wait(client, context, put).await);
        }
        let opened = |source| Failure::file(format!("the file {}", path.display()), source);
        let file = File::open(path).await.map_err(opened)?;
        let metadata = file.metadata().await.map_err(opened)?;
        if !metadata.is_file() {
            return Err(Failure::usage(format!("{} is no file", path.display())));
        }
        let bar = progress::bytes("putting", Some(metadata.len()));
        options.length = Some(metadata.len());
        options.resume = Some(resume_name(path, &metadata, &options.name).map_err(opened)?);
        options.watch = watch(&bar);
        let put = space.put_blob(file, options);
        finish(&bar, patience::wait(client, context, put).await)
    }
}

fn finish<T>(bar: &ProgressBar, result: Result<T, Failure>) -> Result<T, Failure> {
    bar.finish_and_clear();
    result
}

fn watch(bar: &ProgressBar) -> sealpost_sdk::Watch {
    let bar = bar.clone();
    Arc::new(move |progress| bar.set_position(progress.done))
}

/// The last part of the path. Standard input has no name.
fn name_of(path: &Path) -> String {
    let name = path.file_name().filter(|name| *name != "-");
    name.map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The same for the same file as long as nobody writes to it.
fn resume_name(path: &Path, metadata: &Metadata, name: &str) -> io::Result<String> {
    let path = path.canonicalize()?;
    let (length, seconds, nanoseconds) = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    Ok(format!(
        "{}\n{length} {seconds}.{nanoseconds}\n{name}",
        path.display()
    ))
}

impl Stored {
    fn new(space: &Space, put: &PutBlob) -> Self {
        Self {
            space: space.id().to_string(),
            blob_id: put.reference.blob_id.to_string(),
            name: put.reference.name.clone(),
            bytes: put.reference.size.length(),
            seq: put.sent.seq,
        }
    }
}

impl Report for Stored {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{}  {} bytes  {}",
            &self.blob_id[..12],
            self.bytes,
            printable(&self.name)
        )
    }
}
