//! What came of the cases.

use std::fmt;

use serde::Serialize;

use crate::cases::NOTICED;
use crate::victim::Victim;

/// What a client made of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It did what it must.
    Resisted,
    /// It did not.
    Broken,
    /// The case does not apply, or is shown elsewhere; the report says why.
    Explained,
    /// The relay was honest throughout: the case shows nothing.
    NeverMisbehaved,
}

/// What came of one case.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// For example `R24`.
    pub id: &'static str,
    /// What the relay does.
    pub name: &'static str,
    /// What the client made of it.
    pub verdict: Verdict,
    /// How often the relay misbehaved.
    pub misbehaved: u64,
    /// What the client said, or why there was nothing to say.
    pub said: String,
}

/// What came of all of them.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Against which client: `sdk` or `interop`.
    pub against: &'static str,
    /// How many cases it resisted.
    pub resisted: usize,
    /// How many are explained.
    pub explained: usize,
    /// How many it did not resist, those included in which the relay never misbehaved.
    pub broken: usize,
    /// What an SDK without its checks shows of the cases, where it was built so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weakened: Option<Weakened>,
    /// One by one.
    pub cases: Vec<Outcome>,
}

/// What an SDK without its checks shows of the cases: they are proven by failing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weakened {
    /// Cases that must fail, and did.
    pub failed: Vec<&'static str>,
    /// Cases that must fail, and did not.
    pub missed: Vec<&'static str>,
}

impl Weakened {
    fn of(cases: &[Outcome]) -> Self {
        let must_fail = cases.iter().filter(|case| NOTICED.contains(&case.id));
        let (failed, missed): (Vec<_>, Vec<_>) = must_fail.partition(|case| case.verdict == Verdict::Broken);
        let ids = |cases: Vec<&Outcome>| cases.into_iter().map(|case| case.id).collect();
        Self {
            failed: ids(failed),
            missed: ids(missed),
        }
    }
}

impl Report {
    /// Of these cases.
    #[must_use]
    pub fn of(victim: Victim, cases: Vec<Outcome>) -> Self {
        let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
        let (resisted, explained) = (count(Verdict::Resisted), count(Verdict::Explained));
        Self {
            against: victim.name(),
            resisted,
            explained,
            broken: cases.len() - resisted - explained,
            weakened: victim.is_weakened().then(|| Weakened::of(&cases)),
            cases,
        }
    }

    /// Whether it came out as it must: every case resisted or explained; or, without the SDK's checks, every case failed that
    /// must fail then.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match &self.weakened {
            Some(weakened) => weakened.missed.is_empty(),
            None => self.broken == 0,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Resisted => "resisted",
            Self::Broken => "BROKEN",
            Self::Explained => "explained",
            Self::NeverMisbehaved => "NEVER MISBEHAVED",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            name,
            verdict,
            misbehaved,
            said,
        } = self;
        write!(
            f,
            "{id:<4} {verdict:<10} {misbehaved:>5} x  {name}\n{:24}{said}",
            ""
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            writeln!(f, "{case}")?;
        }
        write!(
            f,
            "against {}: {} resisted, {} explained, {} not",
            self.against, self.resisted, self.explained, self.broken
        )?;
        let Some(Weakened { failed, missed }) = &self.weakened else {
            return Ok(());
        };
        write!(
            f,
            "\nthe SDK was built without its checks: {} cases failed that must fail then ({})",
            failed.len(),
            failed.join(", ")
        )?;
        match missed.is_empty() {
            true => Ok(()),
            false => write!(f, "; NOT {}", missed.join(", ")),
        }
    }
}
