mod plan;

use std::fs::Metadata;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use sealpost_sdk::{Client, PutBlob, PutFolder, PutOptions, Resume, Space};
use serde::Serialize;
use tokio::fs::File;

use crate::chosen_space::ChosenSpace;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, counted, printable};
use crate::{patience, progress};
use plan::{Planned, Source, plan, unreadable};

/// Put files and folders into a space
///
/// A file is sealed on this device and stored in parts, and a message with its key goes to the members. Killed half-way, the same
/// command puts the parts that are missing and sends the message once. `-` is standard input, which cannot be gone on with.
///
/// A folder goes file by file and is one message. Links, empty folders and times are left out.
///
/// All files and their names are looked at before the first byte leaves: what cannot be put is told while nothing was.
///
/// With --json, each gives a line with space, blob_id, name, files (of a folder), bytes and seq.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sealpost put garden photo.jpg film.mp4 holidays/\n  tar c folder | sealpost put garden - --name folder.tar"
)]
pub(crate) struct Put {
    #[command(flatten)]
    space: ChosenSpace,
    /// The files and folders; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What readers are told it is called; by default the file's name. Standard input needs one
    #[arg(long)]
    name: Option<String>,
    /// Its media type
    #[arg(long, value_name = "TYPE", default_value = "")]
    content_type: String,
}

/// A file or folder that is stored.
#[derive(Serialize)]
struct Stored {
    space: String,
    blob_id: String,
    name: String,
    /// Of a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<usize>,
    bytes: u64,
    seq: u64,
}

impl Put {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let planned = plan(&self.files, self.name.as_deref(), &self.content_type).await?;
        let client = context.client().await?;
        let _kept = client.keep_home().await?;
        let space = self.space.open(&client).await?;
        for planned in planned {
            let stored = self.put(&client, context, &space, planned).await?;
            context.report(&stored)?;
        }
        Ok(())
    }

    async fn put(
        &self,
        client: &Client,
        context: &Context,
        space: &Space,
        planned: Planned,
    ) -> Result<Stored, Failure> {
        let options = PutOptions {
            name: planned.name,
            content_type: self.content_type.clone(),
            ..PutOptions::default()
        };
        match planned.source {
            Source::Input => put_input(client, context, space, options).await,
            Source::Folder(path) => put_folder(client, context, space, &path, options).await,
            Source::File(path) => put_file(client, context, space, &path, options).await,
        }
    }
}

async fn put_input(
    client: &Client,
    context: &Context,
    space: &Space,
    mut options: PutOptions,
) -> Result<Stored, Failure> {
    let bar = progress::bytes("putting", None);
    options.watch = progress::watch(&bar);
    let put = space.put_blob(tokio::io::stdin(), options);
    let put = finish(&bar, patience::wait_for_first(client, context, put).await)?;
    Ok(Stored::file(space, &put))
}

async fn put_folder(
    client: &Client,
    context: &Context,
    space: &Space,
    path: &Path,
    mut options: PutOptions,
) -> Result<Stored, Failure> {
    let bar = progress::bytes("putting", None);
    let name = path
        .canonicalize()
        .map_err(unreadable(path))?
        .display()
        .to_string();
    let version = String::new();
    options.resume = Some(Resume { name, version });
    options.watch = progress::watch(&bar);
    let put = space.put_folder(path, options);
    let put = finish(&bar, patience::wait_for_first(client, context, put).await)?;
    for skipped in &put.skipped {
        eprintln!(
            "sealpost: left out {}: no file",
            printable(&skipped.display().to_string())
        );
    }
    Ok(Stored::folder(space, &put))
}

async fn put_file(
    client: &Client,
    context: &Context,
    space: &Space,
    path: &Path,
    mut options: PutOptions,
) -> Result<Stored, Failure> {
    let file = File::open(path).await.map_err(unreadable(path))?;
    let metadata = file.metadata().await.map_err(unreadable(path))?;
    let bar = progress::bytes("putting", Some(metadata.len()));
    options.length = Some(metadata.len());
    options.resume = Some(resume(path, &metadata, &options.name).map_err(unreadable(path))?);
    options.watch = progress::watch(&bar);
    let put = space.put_blob(file, options);
    let put = finish(&bar, patience::wait_for_first(client, context, put).await)?;
    Ok(Stored::file(space, &put))
}

fn finish<T>(bar: &ProgressBar, result: Result<T, Failure>) -> Result<T, Failure> {
    bar.finish_and_clear();
    result
}

/// The same for a file under a name as long as nobody writes to it.
fn resume(path: &Path, metadata: &Metadata, name: &str) -> io::Result<Resume> {
    let path = path.canonicalize()?;
    Ok(Resume {
        name: format!("{}\n{name}", path.display()),
        version: Resume::version_of(metadata),
    })
}

impl Stored {
    fn file(space: &Space, put: &PutBlob) -> Self {
        Self {
            space: space.id().to_string(),
            blob_id: put.reference.blob_id.to_string(),
            name: put.reference.name.clone(),
            files: None,
            bytes: put.reference.size.length(),
            seq: put.sent.seq,
        }
    }

    fn folder(space: &Space, folder: &PutFolder) -> Self {
        Self {
            files: Some(folder.files),
            bytes: folder.bytes,
            ..Self::file(space, &folder.put)
        }
    }
}

impl Report for Stored {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let (id, name) = (&self.blob_id[..12], printable(&self.name));
        match self.files {
            Some(files) => writeln!(
                out,
                "{id}  {} bytes in {}  {name}/",
                self.bytes,
                counted(files as u64, "file")
            ),
            None => writeln!(out, "{id}  {} bytes  {name}", self.bytes),
        }
    }
}
