//! Which backups to keep: the last ones, and of each day, week and month the newest, for so many of them as have any.
//!
//! A backup goes whole, dump and keys together: there is no way to keep one without the other.

use std::{collections::BTreeSet, path::Path};

use serde::Serialize;
use time::OffsetDateTime;

use super::{
    BackupError,
    folder::{BackupFolder, Kept},
};

/// How many of the newest to keep, and for how many days, weeks and months the newest of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepRules {
    /// So many of the newest, whenever they were made.
    pub last: usize,
    /// Days.
    pub daily: usize,
    /// Weeks, from Monday.
    pub weekly: usize,
    /// Months.
    pub monthly: usize,
}

/// What was kept and what was removed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Oldest first.
    pub kept: Vec<String>,
    /// Oldest first.
    pub removed: Vec<String>,
}

/// Removes what no rule keeps; the newest backup always stays. With `dry_run` nothing changes. Blocks.
///
/// # Errors
/// When the folder cannot be used, or a backup cannot be removed.
pub fn prune(path: &Path, rules: KeepRules, dry_run: bool) -> Result<Pruned, BackupError> {
    let folder = BackupFolder::open(path, false)?;
    let (kept, removed) = choose(folder.kept()?, rules);
    if !dry_run {
        removed.iter().try_for_each(|backup| folder.remove(backup))?;
    }
    let names = |backups: Vec<Kept>| backups.into_iter().map(|backup| backup.id).collect();
    Ok(Pruned {
        kept: names(kept),
        removed: names(removed),
    })
}

/// Splits the backups, which come oldest first.
fn choose(backups: Vec<Kept>, rules: KeepRules) -> (Vec<Kept>, Vec<Kept>) {
    let mut keep = BTreeSet::new();
    let newest = backups.iter().rev().take(rules.last.max(1));
    keep.extend(newest.map(|backup| backup.id.clone()));
    for (count, period) in [
        (rules.daily, day as fn(OffsetDateTime) -> Period),
        (rules.weekly, week),
        (rules.monthly, month),
    ] {
        let mut seen = BTreeSet::new();
        for backup in backups.iter().rev() {
            let period = period(backup.created_at);
            if seen.len() < count && seen.insert(period) {
                keep.insert(backup.id.clone());
            }
        }
    }
    backups.into_iter().partition(|backup| keep.contains(&backup.id))
}

/// A year and a number in it.
type Period = (i32, u16);

fn day(time: OffsetDateTime) -> Period {
    (time.year(), time.ordinal())
}

fn week(time: OffsetDateTime) -> Period {
    let (year, week, _) = time.to_iso_week_date();
    (year, week.into())
}

fn month(time: OffsetDateTime) -> Period {
    (time.year(), u8::from(time.month()).into())
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    /// Four a day for this many days, the last on a Sunday evening.
    fn backups(days: i64) -> Vec<Kept> {
        let last = datetime!(2026-11-22 20:00 UTC);
        let times = (0..days * 4).rev().map(|back| last - Duration::hours(6 * back));
        times
            .map(|created_at| Kept {
                created_at,
                id: created_at.to_string(),
            })
            .collect()
    }

    fn kept(days: i64, daily: usize, weekly: usize, monthly: usize) -> Vec<String> {
        let rules = KeepRules {
            last: 0,
            daily,
            weekly,
            monthly,
        };
        let (kept, removed) = choose(backups(days), rules);
        assert_eq!(kept.len() + removed.len(), backups(days).len());
        let times = kept.into_iter().map(|backup| backup.created_at);
        times
            .map(|time| format!("{} {}", time.date(), time.hour()))
            .collect()
    }

    #[test]
    fn of_each_day_the_newest_is_kept() {
        assert_eq!(
            kept(5, 3, 0, 0),
            ["2026-11-20 20", "2026-11-21 20", "2026-11-22 20"]
        );
    }

    #[test]
    fn weeks_and_months_are_kept_beside_days_and_count_by_themselves() {
        let kept = kept(60, 1, 2, 3);
        assert_eq!(
            kept,
            ["2026-09-30 20", "2026-10-31 20", "2026-11-15 20", "2026-11-22 20"]
        );
    }

    #[test]
    fn the_newest_backup_stays_whatever_the_rules_say() {
        assert_eq!(kept(3, 0, 0, 0), ["2026-11-22 20"]);
        assert_eq!(choose(Vec::new(), KeepRules::default()), (Vec::new(), Vec::new()));
    }

    #[test]
    fn the_last_ones_are_kept_beside_what_the_calendar_says() {
        let rules = KeepRules {
            last: 3,
            daily: 2,
            ..KeepRules::default()
        };
        let (kept, _) = choose(backups(3), rules);
        let times: Vec<_> = kept
            .iter()
            .map(|one| (one.created_at.day(), one.created_at.hour()))
            .collect();
        assert_eq!(times, [(21, 20), (22, 8), (22, 14), (22, 20)]);
    }

    #[test]
    fn days_without_a_backup_do_not_count() {
        let mut all = backups(40);
        all.drain(4..150);
        let rules = KeepRules {
            daily: 4,
            ..KeepRules::default()
        };
        let (kept, _) = choose(all, rules);
        let days: Vec<_> = kept.iter().map(|one| one.created_at.date().to_string()).collect();
        assert_eq!(days, ["2026-10-14", "2026-11-20", "2026-11-21", "2026-11-22"]);
    }
}
