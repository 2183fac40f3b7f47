//! CPU time of processes, from `/proc/<pid>/stat` (proc_pid_stat(5)), in clock ticks of usually 10 ms.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context, Result};

/// Somebody whose CPU time counts, under a name.
#[derive(Clone, Debug)]
pub struct Actor {
    /// How the report calls it.
    pub name: &'static str,
    /// Its process.
    pub id: u32,
}

/// CPU time so far, user and system together, by name; `everybody` is all of the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuTimes {
    /// Of the actors.
    pub by_name: BTreeMap<&'static str, Duration>,
    /// Of every process of the machine, ours or not.
    pub everybody: Duration,
}

impl CpuTimes {
    /// Reads the times of the actors, each with its children, those that have ended and been waited for included.
    pub fn sample(actors: &[Actor]) -> Result<Self> {
        let stats = all_stats()?;
        let by_name = actors
            .iter()
            .map(|actor| Ok((actor.name, of_tree(&stats, actor)?)))
            .collect::<Result<_>>()?;
        let machine = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
        Ok(Self {
            by_name,
            everybody: busy(&machine).context("/proc/stat has another form")?,
        })
    }

    /// What was used since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let used = |(name, now): (&&'static str, &Duration)| {
            let earlier = before.by_name.get(name).copied().unwrap_or_default();
            (*name, now.saturating_sub(earlier))
        };
        Self {
            by_name: self.by_name.iter().map(used).collect(),
            everybody: self.everybody.saturating_sub(before.everybody),
        }
    }

    /// What the actors used together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.by_name.values().sum()
    }
}

/// What one line of `/proc/<pid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Of the process itself, in ticks.
    own: u64,
    /// Of children that have ended and were waited for, in ticks.
    children: u64,
}

impl Stat {
    /// The command's name is in brackets and may hold anything, brackets too.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: ticks(11)? + ticks(12)?,
            children: ticks(13)? + ticks(14)?,
        })
    }
}

fn all_stats() -> Result<BTreeMap<u32, Stat>> {
    let mut stats = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let entry = entry.context("reading /proc")?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Whoever has ended since the folder was read is counted with its parent.
        let line = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        stats.extend(Stat::parse(&line).map(|stat| (id, stat)));
    }
    Ok(stats)
}

fn of_tree(stats: &BTreeMap<u32, Stat>, actor: &Actor) -> Result<Duration> {
    let (name, id) = (actor.name, actor.id);
    let own = stats
        .get(&id)
        .with_context(|| format!("process {id} ({name}) has ended"))?;
    // The load generator's children are the others, who count by themselves.
    let is_us = id == std::process::id();
    let ticks = if is_us { own.own } else { ticks_of_tree(stats, id) };
    Ok(to_duration(ticks))
}

fn ticks_of_tree(stats: &BTreeMap<u32, Stat>, root: u32) -> u64 {
    let own = stats.get(&root).map_or(0, |stat| stat.own + stat.children);
    let children = stats.iter().filter(|(_, stat)| stat.parent == root);
    own + children.map(|(id, _)| ticks_of_tree(stats, *id)).sum::<u64>()
}

/// The first line of `/proc/stat`, without idle time and time spent waiting for the disk.
fn busy(machine: &str) -> Option<Duration> {
    let fields: Vec<u64> = machine
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_ascii_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let [
        user,
        nice,
        system,
        _idle,
        _iowait,
        interrupts,
        soft_interrupts,
        stolen,
        ..,
    ] = fields[..]
    else {
        return None;
    };
    Some(to_duration(
        user + nice + system + interrupts + soft_interrupts + stolen,
    ))
}

fn to_duration(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second();
    Duration::from_micros(ticks * 1_000_000 / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "4242 (post) gres: w) S 17 4242 4242 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1 0 99";

    fn stat(parent: u32, own: u64, children: u64) -> Stat {
        Stat {
            parent,
            own,
            children,
        }
    }

    #[test]
    fn line_is_read_behind_the_last_bracket_of_the_name() {
        assert_eq!(Stat::parse(LINE), Some(stat(17, 200, 50)));
        assert_eq!(Stat::parse("4242 (cut) S 17"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn tree_counts_live_descendants_and_those_that_have_ended() {
        let stats = BTreeMap::from([
            (1, stat(0, 1_000, 1_000)),
            (10, stat(1, 5, 7)),
            (11, stat(10, 20, 0)),
            (12, stat(11, 100, 3)),
            (13, stat(1, 40, 0)),
        ]);
        assert_eq!(ticks_of_tree(&stats, 10), 5 + 7 + 20 + 100 + 3);
    }

    #[test]
    fn machine_is_busy_when_it_is_not_idle() {
        let ticks = rustix::param::clock_ticks_per_second();
        let text = format!("cpu  {ticks} 0 {ticks} 999 999 0 0 {ticks} 0 0\ncpu0 1 1\n");
        assert_eq!(busy(&text), Some(Duration::from_secs(3)));
        assert_eq!(busy("intr 1 2 3"), None);
    }

    #[test]
    fn this_process_uses_cpu_time_between_two_samples() {
        let actors = [Actor {
            name: "us",
            id: std::process::id(),
        }];
        let before = CpuTimes::sample(&actors).unwrap();
        let used = loop {
            let used = CpuTimes::sample(&actors).unwrap().since(&before);
            // The kernel counts both in ticks, and each for itself.
            if used.total() >= Duration::from_millis(200) {
                break used;
            }
        };
        assert!(used.everybody >= used.total() / 2, "{used:?}");
    }
}
