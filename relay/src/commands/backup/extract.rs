//! `backup extract`.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::PathBuf};

use anyhow::Context;
use clap::Args;

use crate::backup::{Backup, Identities};

/// Which file, and where to.
#[derive(Args)]
pub(in crate::commands) struct Arguments {
    /// The backup: the folder with its manifest.json.
    #[arg(value_name = "DIR")]
    backup: PathBuf,
    /// The file, as the manifest names it: attached-acme.json.age, config.toml.age.
    #[arg(value_name = "NAME")]
    name: String,
    /// The identity that opens it.
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Where to write it. It is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Needs no configuration.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let backup = Backup::open(&arguments.backup, Identities::read(&arguments.identity)?)?;
    let mut options = OpenOptions::new();
    let opened = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&arguments.out);
    let mut out = opened.with_context(|| format!("cannot write {}", arguments.out.display()))?;
    backup.extract(&arguments.name, &mut out)?;
    Ok(out.sync_all()?)
}
