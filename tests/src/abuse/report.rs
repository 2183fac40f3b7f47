//! What came out.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

use super::{
    attack::Attack,
    exchange::{Honest, Window},
    tally::Tally,
};

/// What each attacker may cost in memory, in bytes.
const MEMORY: u64 = 1 << 20;
/// How many times as long as without the relay's work for attackers the honest may wait.
const PATIENCE: f64 = 2.0;
/// A close that any attack may meet: whoever opens sockets too fast is told so.
const TOO_MANY_SOCKETS: &str = "close 1008 rate_limited";

/// What the rows say.
pub const EXPLANATION: &str = "\
Each attack meets a relay of its own, while Alice sends Bob 100 messages a second.
  memory      the relay's resident memory at its highest, beyond its highest before the attack, while Alice and Bob talked: at most
              1 MiB for each attacker. Of what any member may do, before the attack is when Bob does it. The relay runs without
              pages of 2 MiB here, which would hide what is smaller
  closed      how long the relay let an attacker be connected that it does not bear at all
  honest p99  from the moment when a message is due until Bob has it; at most doubled. It is measured without attackers (before),
              with them (during), and without them beside burners: threads of the attackers' priority that take as much CPU as
              the attackers took and talk to nobody. Attackers share this machine's cores with the relay, which slows the honest
              down whatever the relay does; so `during` is held against the longer of `before` and `beside burners`.
Where memory or the honest p99 is beyond what is promised, the attack is measured twice more, and the medians count: a disk that
stands still for a moment is not the relay's doing.
";

/// What came out of all attacks.
#[derive(Default)]
pub struct Report {
    /// Of each attack.
    pub rows: Vec<Row>,
}

/// What came out of one attack.
pub struct Row {
    pub(super) attack: &'static Attack,
    /// What the attackers did.
    pub tally: Tally,
    /// The relay's memory at the highest, beyond the highest before the attack, in bytes.
    pub growth: u64,
    /// Of one core, over the time of the attack.
    pub cpu: f64,
    /// How long it lasted.
    pub seconds: f64,
    /// What the attackers took of one core, and then the burners.
    pub appetite: f64,
    /// The honest before it.
    pub quiet: Window,
    /// The honest during it.
    pub noisy: Window,
    /// The honest beside burners, when it was over.
    pub burnt: Window,
    /// What became of all that the honest sent.
    pub honest: Honest,
    pub(super) limit: Option<Duration>,
    pub(super) is_timed: bool,
    /// How often it was measured.
    pub(super) times: u32,
}

impl Report {
    /// Whether memory, how attackers were answered, and the honest traffic were as promised; in the long form the time to
    /// close and how long the honest waited, too.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.broken().is_empty())
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "holds": self.holds(), "attacks": self.rows.iter().map(Row::json).collect::<Vec<_>>() })
    }
}

impl Row {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.attack.name
    }

    /// What was promised and not kept.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let mut broken = self.misbehaviour();
        if self.growth > self.allowed() {
            broken.push("memory".to_owned());
        }
        let late = self.limit.is_some_and(|limit| self.tally.slowest_close > limit);
        if self.is_timed && (late || self.tally.overdue > 0) {
            broken.push("time to close".to_owned());
        }
        if self.is_timed && self.excess() > PATIENCE {
            broken.push("honest p99".to_owned());
        }
        broken
    }

    /// Whether memory or the wait of the honest, which a disk or another tenant of this machine can spoil, is beyond what is promised.
    pub(super) fn is_beyond(&self) -> bool {
        self.is_timed && (self.growth > self.allowed() || self.excess() > PATIENCE)
    }

    /// The medians of three measurements; whatever else was promised has to be kept in each of them.
    pub(super) fn or_median_of(self, again: [Self; 2]) -> Self {
        let mut rows: Vec<Self> = [self].into_iter().chain(again).collect();
        if let Some(at) = rows.iter().position(|row| !row.misbehaviour().is_empty()) {
            return rows.swap_remove(at);
        }
        let slowest_close = rows.iter().map(|row| row.tally.slowest_close).max();
        let overdue = rows.iter().map(|row| row.tally.overdue).sum();
        rows.sort_by_key(|row| row.growth);
        let growth = rows[1].growth;
        rows.sort_by(|one, other| one.excess().total_cmp(&other.excess()));
        let median = rows.swap_remove(1);
        Self {
            tally: Tally {
                slowest_close: slowest_close.unwrap_or_default(),
                overdue,
                ..median.tally
            },
            growth,
            times: 3,
            ..median
        }
    }

    fn misbehaviour(&self) -> Vec<String> {
        let mut broken = Vec::new();
        if !self.honest.holds() {
            broken.push(format!("honest traffic: {:?}", self.honest));
        }
        let missing = self.attack.answers.iter();
        broken.extend(
            missing
                .filter(|answer| !self.tally.answers.contains_key(**answer))
                .map(|answer| format!("no answer `{answer}`")),
        );
        let others = self
            .tally
            .answers
            .keys()
            .filter(|answer| answer.starts_with("close "));
        broken.extend(
            others
                .filter(|answer| !self.attack.answers.contains(&answer.as_str()))
                .filter(|answer| *answer != TOO_MANY_SOCKETS)
                .map(|answer| format!("unexpected `{answer}`")),
        );
        broken
    }

    fn allowed(&self) -> u64 {
        MEMORY * self.attack.attackers as u64
    }

    /// How many times as long the honest waited, at the 99th percentile, as without attackers.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.noisy.p99.as_secs_f64() / self.quiet.p99.as_secs_f64()
    }

    /// The same as with nobody but the relay to blame: held against the longer of both measurements without attackers.
    #[must_use]
    pub fn excess(&self) -> f64 {
        let without = self.quiet.p99.max(self.burnt.p99);
        self.noisy.p99.as_secs_f64() / without.as_secs_f64()
    }

    fn answers(&self) -> String {
        let each = |(answer, count): (&String, &u64)| format!("{answer}: {count}");
        self.tally.answers.iter().map(each).collect::<Vec<_>>().join(", ")
    }

    fn json(&self) -> Value {
        json!({
            "attack": self.attack.name,
            "what": self.attack.what,
            "unprotected": self.attack.unprotected,
            "attackers": self.attack.attackers,
            "seconds": self.seconds,
            "measured": self.times,
            "done": self.tally.done,
            "answers": self.tally.answers,
            "closed": self.tally.closed,
            "slowest_close_ms": milliseconds(self.tally.slowest_close),
            "close_limit_ms": self.limit.map(milliseconds),
            "overdue": self.tally.overdue,
            "memory_growth_bytes": self.growth,
            "memory_limit_bytes": self.allowed(),
            "relay_cpu_cores": self.cpu,
            "honest_p99_before_ms": milliseconds(self.quiet.p99),
            "honest_p99_during_ms": milliseconds(self.noisy.p99),
            "honest_p99_beside_burners_ms": milliseconds(self.burnt.p99),
            "attackers_cpu_cores": self.appetite,
            "honest_p99_ratio": self.ratio(),
            "honest_p99_excess": self.excess(),
            "honest_published": self.honest.published,
            "honest_delivered": self.honest.delivered,
            "broken": self.broken(),
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (attackers, done) = (self.attack.attackers, self.tally.done);
        let rate = done as f64 / self.seconds;
        writeln!(
            f,
            "{}: {} ({attackers} attackers)",
            self.attack.name, self.attack.what
        )?;
        writeln!(f, "  done       {done} ({rate:.0}/s); answers {}", self.answers())?;
        let (growth, allowed) = (self.growth / 1024, self.allowed() / 1024);
        let each = growth / attackers as u64;
        writeln!(f, "  memory     {growth} KiB, {each} each (limit {allowed} KiB)")?;
        writeln!(f, "  relay CPU  {:.0} % of a core", self.cpu * 100.0)?;
        match self.limit {
            Some(limit) => writeln!(
                f,
                "  closed     {} times, {:.1} s at the latest (limit {:.1} s), {} overdue",
                self.tally.closed,
                self.tally.slowest_close.as_secs_f64(),
                limit.as_secs_f64(),
                self.tally.overdue,
            )?,
            None => writeln!(f, "  closed     not, but held to its rate")?,
        }
        writeln!(
            f,
            "  honest p99 {:.1} ms before, {:.1} ms during ({:.1} times), {:.1} ms beside burners of {:.0} % of a core: {:.1} times \
             the longer",
            milliseconds(self.quiet.p99),
            milliseconds(self.noisy.p99),
            self.ratio(),
            milliseconds(self.burnt.p99),
            self.appetite * 100.0,
            self.excess(),
        )?;
        let Honest {
            delivered, published, ..
        } = self.honest;
        writeln!(f, "  delivered  {delivered} of {published}")?;
        writeln!(f, "  unprotected {}", self.attack.unprotected)?;
        let times = match self.times {
            1 => String::new(),
            times => format!(" (medians of {times} measurements)"),
        };
        match self.broken() {
            broken if broken.is_empty() => write!(f, "  held{times}"),
            broken => write!(f, "  BROKEN     {}{times}", broken.join("; ")),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broken: Vec<_> = self
            .rows
            .iter()
            .filter(|row| !row.broken().is_empty())
            .map(Row::name)
            .collect();
        let slowed: Vec<_> = self
            .rows
            .iter()
            .filter(|row| row.ratio() > PATIENCE)
            .map(|row| {
                format!(
                    "{} ({:.1} times, {:.1} beside burners)",
                    row.name(),
                    row.ratio(),
                    row.excess()
                )
            })
            .collect();
        writeln!(
            f,
            "{} attacks, {} held, broken: {broken:?}",
            self.rows.len(),
            self.rows.len() - broken.len()
        )?;
        write!(f, "honest p99 more than doubled in: {slowed:?}")
    }
}
