//! The rows: who is compared with whom, taking turns.

mod append;
mod cold_start;
mod crowd;
mod fan_out;
mod idle;
mod replay;
mod sdk;
mod turns;
mod writers;

use std::path::Path;

use anyhow::Result;

use crate::{load::Pace, report::Row, stage::World};

/// Events in a second that the paced fan-out sends.
const PACE: u32 = 100;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    text: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Append { spaces: usize },
    Packed { spaces: usize },
    Writers,
    Sdk { spaces: usize },
    FanOut(Pace),
    Replay,
    ReplayBySdk,
    Idle,
    Crowd,
    ColdStart,
}

const fn name(text: &'static str, kind: Kind) -> Name {
    Name { text, kind }
}

/// All rows, in the order in which they run.
pub const ALL: &[Name] = &[
    name("append-1", Kind::Append { spaces: 1 }),
    name("append-16", Kind::Append { spaces: 16 }),
    name("append-1000", Kind::Append { spaces: 1_000 }),
    name("packed-1", Kind::Packed { spaces: 1 }),
    name("packed-16", Kind::Packed { spaces: 16 }),
    name("packed-1000", Kind::Packed { spaces: 1_000 }),
    name("writers", Kind::Writers),
    name("sdk-1", Kind::Sdk { spaces: 1 }),
    name("sdk-16", Kind::Sdk { spaces: 16 }),
    name("sdk-1000", Kind::Sdk { spaces: 1_000 }),
    name("fanout-saturated", Kind::FanOut(Pace::Saturated)),
    name("fanout-paced", Kind::FanOut(Pace::PerSecond(PACE))),
    name("replay", Kind::Replay),
    name("replay-sdk", Kind::ReplayBySdk),
    name("idle", Kind::Idle),
    name("crowd", Kind::Crowd),
    name("cold-start", Kind::ColdStart),
];

impl Name {
    /// The name.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.text
    }

    /// Whether `--row wanted` means this row: by its name, or by what stands before its dash.
    #[must_use]
    pub fn is_meant_by(self, wanted: &str) -> bool {
        let family = self.text.split('-').next();
        self.text == wanted || family == Some(wanted)
    }

    /// Draws what came of it into a folder, if it is one of those that are drawn.
    pub fn draw(self, row: &Row, folder: &Path) -> Result<()> {
        match self.kind {
            Kind::Writers => writers::chart(row, &folder.join("writers.svg")),
            _ => Ok(()),
        }
    }

    /// Runs it.
    pub async fn run(self, world: &mut World) -> Result<Row> {
        let name = self.text.to_owned();
        match self.kind {
            Kind::Append { spaces } => append::run(world, name, append::Shape::one_each(spaces)).await,
            Kind::Packed { spaces } => append::run(world, name, append::Shape::packed(spaces)).await,
            Kind::Writers => writers::run(world, name).await,
            Kind::Sdk { spaces } => sdk::run(world, name, spaces).await,
            Kind::FanOut(pace) => fan_out::run(world, name, pace).await,
            Kind::Replay => replay::run(world, name).await,
            Kind::ReplayBySdk => replay::run_by_sdk(world, name).await,
            Kind::Idle => idle::run(world, name).await,
            Kind::Crowd => crowd::run(world, name).await,
            Kind::ColdStart => cold_start::run(world, name).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn meant_by(wanted: &str) -> Vec<&'static str> {
        let meant = ALL.iter().filter(|name| name.is_meant_by(wanted));
        meant.map(|name| name.text()).collect()
    }

    #[test]
    fn names_are_distinct() {
        let names: BTreeSet<_> = ALL.iter().map(|name| name.text()).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn row_is_meant_by_its_name_or_its_family() {
        assert_eq!(meant_by("append-16"), ["append-16"]);
        assert_eq!(meant_by("packed"), ["packed-1", "packed-16", "packed-1000"]);
        assert_eq!(meant_by("replay"), ["replay", "replay-sdk"]);
        assert!(meant_by("app").is_empty());
    }
}
