//! `backup extract`.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::PathBuf};

use anyhow::Context;
use clap::Args;

use super::OpenedBackup;
use crate::backup::Backup;

/// Which file, and where to.
#[derive(Args)]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    opened: OpenedBackup,
    /// The file, as the manifest names it: attached-acme.json.age, config.toml.age.
    #[arg(value_name = "NAME")]
    name: String,
    /// Where to write it. It is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Needs no configuration.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let backup = Backup::open(&arguments.opened.backup, arguments.opened.identities()?)?;
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
