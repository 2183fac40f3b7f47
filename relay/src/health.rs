//! How the relay is, put together from parts that do not know each other.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, OnceLock},
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use tokio::time::Instant;

/// An answer younger than this is given again, so that asking costs nothing.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// Looks.
    pub look: Box<dyn Fn() -> BoxFuture<'static, Condition> + Send + Sync>,
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

/// The health of one relay.
pub struct Health {
    phase: Mutex<Phase>,
    checks: OnceLock<Vec<Check>>,
    latest: tokio::sync::Mutex<Option<(Instant, BTreeMap<&'static str, Condition>)>>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            phase: Mutex::new(Phase::Starting),
            checks: OnceLock::new(),
            latest: tokio::sync::Mutex::default(),
        }
    }
}

impl Health {
    /// Serves from now on, and tells what `checks` find. To be called once.
    pub fn serve(&self, checks: Vec<Check>) {
        // A second list would be a defect without consequence: the first one stays.
        let _ = self.checks.set(checks);
        self.enter(Phase::Serving);
    }

    /// Is not ready any more, for good.
    pub fn drain(&self) {
        self.enter(Phase::Draining);
    }

    /// Looks at every part, or repeats what was found a moment ago. Who asks at the same time waits for one answer.
    pub async fn report(&self) -> Report {
        let checks = self.look().await;
        Report {
            status: self.status(&checks),
            checks,
        }
    }

    async fn look(&self) -> BTreeMap<&'static str, Condition> {
        let mut latest = self.latest.lock().await;
        if let Some((_, found)) = latest.as_ref().filter(|(when, _)| when.elapsed() < FRESH_FOR) {
            return found.clone();
        }
        let Some(checks) = self.checks.get() else {
            return BTreeMap::new();
        };
        let found = join_all(checks.iter().map(run))
            .await
            .into_iter()
            .collect::<BTreeMap<_, _>>();
        *latest = Some((Instant::now(), found.clone()));
        found
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

async fn run(check: &Check) -> (&'static str, Condition) {
    let looked = tokio::time::timeout(CHECK_LIMIT, (check.look)()).await;
    (
        check.name,
        looked.unwrap_or_else(|_| Condition::Failed("gave no answer in time".into())),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    fn check(name: &'static str, condition: Condition) -> Check {
        Check {
            name,
            look: Box::new(move || Box::pin(std::future::ready(condition.clone()))),
        }
    }

    async fn status(checks: Vec<Check>) -> Report {
        let health = Health::default();
        health.serve(checks);
        health.report().await
    }

    #[tokio::test]
    async fn the_worst_part_decides() {
        let ok = || check("a", Condition::Ok);
        let degraded = || check("b", Condition::Degraded("slow".into()));
        let failed = || check("c", Condition::Failed("gone".into()));
        assert_eq!(status(vec![ok()]).await.status, "ready");
        let report = status(vec![ok(), degraded()]).await;
        assert!(report.status == "degraded" && report.is_ready());
        let report = status(vec![ok(), degraded(), failed()]).await;
        assert!(report.status == "failed" && !report.is_ready());
        assert_eq!(report.checks["c"], Condition::Failed("gone".into()));
    }

    #[tokio::test]
    async fn it_is_not_ready_before_and_after() {
        let health = Health::default();
        assert_eq!(health.report().await.status, "starting");
        health.drain();
        health.serve(Vec::new());
        assert_eq!(health.report().await.status, "draining");
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_has_failed() {
        let hanging = Check {
            name: "slow",
            look: Box::new(|| Box::pin(std::future::pending())),
        };
        assert_eq!(status(vec![hanging]).await.status, "failed");
    }

    #[tokio::test(start_paused = true)]
    async fn asking_often_looks_once_a_second() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counter = looks.clone();
        let counted = move || -> BoxFuture<'static, Condition> {
            counter.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::ready(Condition::Ok))
        };
        let health = Health::default();
        health.serve(vec![Check {
            name: "counted",
            look: Box::new(counted),
        }]);
        for _ in 0..10 {
            health.report().await;
        }
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        tokio::time::advance(FRESH_FOR).await;
        health.report().await;
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }
}
