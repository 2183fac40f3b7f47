//! `backup prune`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::report;
use crate::backup::{self, KeepRules};

/// What to keep: the last ones, and the newest of each day, week and month. The newest backup of all always stays.
#[derive(Args)]
#[command(group = ArgGroup::new("rules").args(["keep_last", "keep_daily", "keep_weekly", "keep_monthly"]).multiple(true).required(true))]
pub(in crate::commands) struct Arguments {
    /// The folder of the backups.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How many of the newest, whenever they were made.
    #[arg(long, value_name = "NUMBER")]
    keep_last: Option<usize>,
    /// For how many days that have any.
    #[arg(long, value_name = "DAYS")]
    keep_daily: Option<usize>,
    /// For how many weeks, from Monday, UTC.
    #[arg(long, value_name = "WEEKS")]
    keep_weekly: Option<usize>,
    /// For how many months.
    #[arg(long, value_name = "MONTHS")]
    keep_monthly: Option<usize>,
    /// Only tell what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Print one object for machines.
    #[arg(long)]
    json: bool,
}

/// Needs no configuration.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rules = KeepRules {
        last: arguments.keep_last.unwrap_or(0),
        daily: arguments.keep_daily.unwrap_or(0),
        weekly: arguments.keep_weekly.unwrap_or(0),
        monthly: arguments.keep_monthly.unwrap_or(0),
    };
    let pruned = backup::prune(&arguments.folder, rules, arguments.dry_run)?;
    report(&pruned, arguments.json, || {
        let verb = if arguments.dry_run { "would go" } else { "removed" };
        let list = |word: &str, ids: &[String]| -> String {
            ids.iter().map(|id| format!("{word:9} {id}\n")).collect()
        };
        let lists = list(verb, &pruned.removed) + &list("kept", &pruned.kept);
        lists.trim_end().to_owned()
    })
}
