//! How the relay is, put together from parts that do not know each other.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt, Shared, join_all};
use serde::Serialize;
use tokio::time::Instant;

/// What was found less long ago than this is told again, so that asking costs nothing.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// A check that takes longer than this has failed.
const CHECK_LIMIT: Duration = Duration::from_secs(3);

/// Where the relay is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not ready yet.
    Starting,
    /// Ready, if its parts are.
    Serving,
    /// About to end.
    Draining,
}

/// How a part of the relay is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "status", content = "reason", rename_all = "lowercase")]
pub enum Condition {
    /// Works.
    Ok,
    /// Works for now, with less than it should have.
    Degraded(String),
    /// Does not work.
    Failed(String),
}

/// A named look at a part of the relay.
pub struct Check {
    /// What is looked at.
    pub name: &'static str,
    /// Looks, which may take a moment and is done once a second at most.
    pub look: Box<dyn Fn() -> BoxFuture<'static, Condition> + Send + Sync>,
    /// What the part has found out by itself meanwhile. It counts when it is worse than what the last look found.
    pub known: Option<Box<dyn Fn() -> Condition + Send + Sync>>,
}

impl Check {
    /// A check that knows what it finds when it looks, and nothing else.
    pub fn new<L: Future<Output = Condition> + Send + 'static>(
        name: &'static str,
        look: impl Fn() -> L + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            look: Box::new(move || look().boxed()),
            known: None,
        }
    }

    fn now(&self, found: Option<&Condition>) -> Condition {
        let found = found.cloned().unwrap_or_else(cut_short);
        match &self.known {
            Some(known) => found.max(known()),
            None => found,
        }
    }
}

/// How the relay is, as a whole and by part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `ready`, `degraded` (which is ready, too), `starting`, `failed` or `draining`.
    pub status: &'static str,
    /// By the names of the checks.
    pub checks: BTreeMap<&'static str, Condition>,
}

impl Report {
    /// Whether clients should be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.status, "ready" | "degraded")
    }
}

/// What one look at all parts found, and when it ended.
struct Findings {
    at: Instant,
    conditions: BTreeMap<&'static str, Condition>,
}

/// A look that is under way or has ended. It goes on when who asked for it goes away; `None` if it was cut short.
type Look = Shared<BoxFuture<'static, Option<Arc<Findings>>>>;

/// The health of one relay.
pub struct Health {
    phase: Mutex<Phase>,
    checks: OnceLock<Arc<[Check]>>,
    latest: Mutex<Option<Look>>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            phase: Mutex::new(Phase::Starting),
            checks: OnceLock::new(),
            latest: Mutex::default(),
        }
    }
}

impl Health {
    /// Serves from now on, and tells what `checks` find. To be called once.
    pub fn serve(&self, checks: Vec<Check>) {
        // A second list would be a defect without consequence: the first one stays.
        let _ = self.checks.set(checks.into());
        self.enter(Phase::Serving);
    }

    /// Is not ready any more, for good.
    pub fn drain(&self) {
        self.enter(Phase::Draining);
    }

    /// Looks at every part, or repeats what was found a moment ago. Who asks at the same time waits for one answer.
    pub async fn report(&self) -> Report {
        let Some(checks) = self.checks.get() else {
            return self.report_of(BTreeMap::new());
        };
        let found = self.look(checks).await;
        let found = |name| found.as_ref().and_then(|findings| findings.conditions.get(name));
        let now = checks
            .iter()
            .map(|check| (check.name, check.now(found(check.name))));
        self.report_of(now.collect())
    }

    fn report_of(&self, checks: BTreeMap<&'static str, Condition>) -> Report {
        Report {
            status: self.status(&checks),
            checks,
        }
    }

    fn look(&self, checks: &Arc<[Check]>) -> Look {
        let mut latest = self
            .latest
            .lock()
            .expect("nothing panics while it holds the latest look");
        let is_good = |look: &&Look| match look.peek() {
            None => true,
            Some(found) => found.as_ref().is_some_and(|found| found.at.elapsed() < FRESH_FOR),
        };
        if let Some(look) = latest.as_ref().filter(is_good) {
            return look.clone();
        }
        // A task of its own: whoever asks and hangs up, again and again, makes no more work than who waits.
        let looking = tokio::spawn(look_at_all(Arc::clone(checks)));
        let look = looking.map(Result::ok).boxed().shared();
        latest.insert(look).clone()
    }

    fn status(&self, checks: &BTreeMap<&'static str, Condition>) -> &'static str {
        let any = |wanted: fn(&Condition) -> bool| checks.values().any(wanted);
        match *self.phase() {
            Phase::Starting => "starting",
            Phase::Draining => "draining",
            Phase::Serving if any(|condition| matches!(condition, Condition::Failed(_))) => "failed",
            Phase::Serving if any(|condition| matches!(condition, Condition::Degraded(_))) => "degraded",
            Phase::Serving => "ready",
        }
    }

    /// There is no way back.
    fn enter(&self, phase: Phase) {
        let mut current = self.phase();
        *current = phase.max(*current);
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase
            .lock()
            .expect("nothing panics while it holds the phase")
    }
}

async fn look_at_all(checks: Arc<[Check]>) -> Arc<Findings> {
    let conditions = join_all(checks.iter().map(look_at)).await;
    Arc::new(Findings {
        at: Instant::now(),
        conditions: conditions.into_iter().collect(),
    })
}

async fn look_at(check: &Check) -> (&'static str, Condition) {
    let looked = tokio::time::timeout(CHECK_LIMIT, (check.look)()).await;
    (
        check.name,
        looked.unwrap_or_else(|_| Condition::Failed("gave no answer in time".into())),
    )
}

fn cut_short() -> Condition {
    Condition::Failed("was not looked at".into())
}

#[cfg(test)]
mod tests;
