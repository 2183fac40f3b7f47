//! What came of the cases.

use std::fmt;

use serde::Serialize;

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
    /// One by one.
    pub cases: Vec<Outcome>,
}

impl Report {
    /// Of these cases.
    #[must_use]
    pub fn of(against: &'static str, cases: Vec<Outcome>) -> Self {
        let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
        let (resisted, explained) = (count(Verdict::Resisted), count(Verdict::Explained));
        Self {
            against,
            resisted,
            explained,
            broken: cases.len() - resisted - explained,
            cases,
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
        )
    }
}
