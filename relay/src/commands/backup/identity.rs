//! `backup identity`.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use anyhow::Context;
use clap::Args;

use crate::backup::Identity;

/// Where to.
#[derive(Args)]
pub(in crate::commands) struct Arguments {
    /// The file for the secret half. It is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Prints the public half. The file is one that `age` takes, too.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let identity = Identity::generate();
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&arguments.out)?;
        file.write_all(identity.expose_file().as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", arguments.out.display()))?;
    eprintln!(
        "{} opens every backup that is made for the recipient below. Keep it away from the relay's machine, in two places: without it \
         no backup is worth anything.",
        arguments.out.display()
    );
    println!("{}", identity.recipient());
    Ok(())
}
