//! `blobs`: members' files in the storage beside the database.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;
use time::Duration;

use super::operator;
use crate::{
    app::blob_keeper,
    blobs::{BlobKeeper, Difference, Repair, Swept, ports::BlobRow},
    config::Config,
};

/// What to do with them.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Remove uploads that stand still, files that nothing refers to, and deleted ones; a relay does so by itself, too.
    Sweep {
        /// Say what would be done, and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Compare the ledger with the bucket, both ways; exit code 1 if they differ.
    Reconcile {
        /// Remove objects and uploads that the ledger does not know and that are older than this, and mark files that are
        /// missing. After a restore such objects may be all that is left of files that came after the backup.
        #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..))]
        repair_older_than: Option<u32>,
    },
    /// List every file that the bucket should have, a line of JSON for each: key, bytes, sha256. For backups.
    List,
}

/// Needs the database and the storage.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let parts = operator::parts(config).await?;
    let Some(keeper) = blob_keeper(config, &parts)? else {
        bail!("no storage is configured: there is no section [blobs]");
    };
    match command {
        Command::Sweep { dry_run: true } => println!("would: {}", report(&keeper.would_sweep().await?)),
        Command::Sweep { dry_run: false } => {
            let swept = keeper.sweep(|swept| eprintln!("{}", report(swept))).await?;
            println!("{}", report(&swept));
        }
        Command::Reconcile { repair_older_than } => return reconcile(&keeper, repair_older_than).await,
        Command::List => keeper.inventory(|blob| println!("{}", line(blob))).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn reconcile(keeper: &BlobKeeper, repair_older_than: Option<u32>) -> anyhow::Result<ExitCode> {
    let repair = repair_older_than.map_or(Repair::Report, |hours| {
        Repair::OlderThan(Duration::hours(hours.into()))
    });
    let compared = keeper
        .reconcile(repair, |difference| println!("{}", describe(&difference)))
        .await?;
    let uploads = if compared.uploads {
        ""
    } else {
        "; this storage does not tell its uploads"
    };
    println!(
        "{} files, {} objects, {} differences{uploads}",
        compared.blobs, compared.objects, compared.differences
    );
    Ok(if compared.differences == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn report(swept: &Swept) -> String {
    format!(
        "{} stale, {} removed ({} bytes), {} not removed, {} forgotten",
        swept.stale, swept.removed, swept.bytes, swept.kept, swept.forgotten
    )
}

fn line(blob: &BlobRow) -> serde_json::Value {
    json!({
        "key": blob.key.to_string(),
        "bytes": blob.bytes,
        "sha256": blob.sha256.map(hex::encode),
    })
}

fn describe(difference: &Difference) -> String {
    let done = |done: bool, word: &'static str| if done { word } else { "left as it is" };
    match difference {
        Difference::Unknown { name, bytes, removed } => {
            format!("unknown   {name} ({bytes} bytes): {}", done(*removed, "removed"))
        }
        Difference::Missing { key, bytes, marked } => {
            format!(
                "missing   {key} ({bytes} bytes): {}",
                done(*marked, "marked as deleted")
            )
        }
        Difference::Length { key, expected, found } => {
            format!("length    {key}: {found} bytes where {expected} should be")
        }
        Difference::Upload { name, removed } => format!("upload    {name}: {}", done(*removed, "abandoned")),
    }
}
