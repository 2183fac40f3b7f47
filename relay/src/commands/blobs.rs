//! `blobs`: members' files in the storage beside the database.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;
use time::Duration;

use super::operator;
use crate::{
    app::blob_keeper,
    blobs::{BlobKeeper, Difference, Reach, Repair, Swept, ports::BlobRow},
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
        /// Count the age of what a restore brought back, too. Such an upload may have been finished, and such a file been
        /// referred to, after the backup: first let clients come and look at `reconcile`.
        #[arg(long)]
        restored: bool,
    },
    /// Compare the ledger with the bucket, both ways; exit code 1 if they differ.
    Reconcile {
        /// Remove objects and uploads that the ledger does not know and that are older than this. After a restore such objects
        /// may be all that is left of files that came after the backup.
        #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..))]
        repair_older_than: Option<u32>,
        /// Mark files that are missing as deleted: nobody is sent there any more, and what comes back later is swept.
        #[arg(long, conflicts_with = "repair_older_than")]
        mark_missing: bool,
        /// Mark them even if they are more than half of all.
        #[arg(long, requires = "mark_missing")]
        even_most: bool,
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
        Command::Sweep { dry_run, restored } => {
            let reach = if restored { Reach::Restored } else { Reach::Usual };
            sweep(&keeper, reach, dry_run).await?;
        }
        Command::Reconcile {
            repair_older_than: Some(hours),
            ..
        } => return reconcile(&keeper, Repair::OlderThan(Duration::hours(hours.into()))).await,
        Command::Reconcile {
            mark_missing: true,
            even_most,
            ..
        } => {
            if !even_most {
                check_bucket(&keeper).await?;
            }
            return reconcile(&keeper, Repair::MarkMissing).await;
        }
        Command::Reconcile { .. } => return reconcile(&keeper, Repair::Report).await,
        Command::List => keeper.inventory(|blob| println!("{}", line(blob))).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn sweep(keeper: &BlobKeeper, reach: Reach, dry_run: bool) -> anyhow::Result<()> {
    if dry_run {
        println!("would: {}", report(&keeper.would_sweep(reach).await?));
        return Ok(());
    }
    let swept = keeper
        .sweep(reach, |swept| eprintln!("{}", report(swept)))
        .await?;
    println!("{}", report(&swept));
    Ok(())
}

/// A bucket from which most is missing is rather another one, or not yet copied back.
async fn check_bucket(keeper: &BlobKeeper) -> anyhow::Result<()> {
    let seen = keeper.reconcile(Repair::Report, |_| ()).await?;
    if seen.missing * 2 > seen.blobs {
        bail!(
            "{} of {} files are missing: is this the right bucket, and all of it? Nothing was marked; --even-most does it",
            seen.missing,
            seen.blobs
        );
    }
    Ok(())
}

async fn reconcile(keeper: &BlobKeeper, repair: Repair) -> anyhow::Result<ExitCode> {
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
        Difference::Late { key, bytes, removed } => {
            format!(
                "late      {key} ({bytes} bytes) of a file that was swept: {}",
                done(*removed, "removed")
            )
        }
        Difference::Upload { name, removed } => format!("upload    {name}: {}", done(*removed, "abandoned")),
    }
}
