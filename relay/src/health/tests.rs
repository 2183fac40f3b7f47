use std::{
    future::{pending, ready},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::Semaphore;

use super::*;

fn check(name: &'static str, condition: Condition) -> Check {
    Check::new(name, move || ready(condition.clone()))
}

async fn status(checks: Vec<Check>) -> Report {
    let health = Health::default();
    health.serve(checks);
    health.report().await
}

/// Counts its looks, each of which waits for a permit.
struct Counted {
    looks: AtomicUsize,
    gate: Semaphore,
}

impl Counted {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            looks: AtomicUsize::new(0),
            gate: Semaphore::new(permits),
        })
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }

    fn check(self: &Arc<Self>) -> Check {
        let counted = Arc::clone(self);
        Check::new("counted", move || {
            counted.looks.fetch_add(1, Ordering::Relaxed);
            let counted = Arc::clone(&counted);
            async move {
                counted.gate.acquire().await.unwrap().forget();
                Condition::Ok
            }
        })
    }
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
    assert_eq!(status(vec![Check::new("slow", pending)]).await.status, "failed");
}

#[tokio::test]
async fn a_check_that_panics_has_failed() {
    let look = || async { panic!("as the test wants it") };
    assert_eq!(status(vec![Check::new("shaky", look)]).await.status, "failed");
}

#[tokio::test(start_paused = true)]
async fn asking_often_looks_once_a_second() {
    let counted = Counted::new(2);
    let health = Health::default();
    health.serve(vec![counted.check()]);
    for _ in 0..10 {
        health.report().await;
    }
    assert_eq!(counted.looks(), 1);
    tokio::time::advance(FRESH_FOR).await;
    health.report().await;
    assert_eq!(counted.looks(), 2);
}

#[tokio::test]
async fn who_asks_together_or_hangs_up_makes_one_look() {
    let counted = Counted::new(0);
    let health = Health::default();
    health.serve(vec![counted.check()]);
    for _ in 0..100 {
        assert!(health.report().now_or_never().is_none());
    }
    counted.gate.add_permits(1);
    let reports = join_all((0..100).map(|_| health.report())).await;
    assert!(reports.iter().all(|report| report.status == "ready"));
    assert_eq!(counted.looks(), 1);
}

#[tokio::test]
async fn what_a_part_knows_to_be_worse_is_told_at_once() {
    let is_lost = Arc::new(AtomicBool::new(false));
    let lost = Arc::clone(&is_lost);
    let known = move || match lost.load(Ordering::Relaxed) {
        true => Condition::Degraded("lost".into()),
        false => Condition::Ok,
    };
    let health = Health::default();
    health.serve(vec![Check {
        known: Some(Box::new(known)),
        ..check("keys", Condition::Ok)
    }]);
    assert_eq!(health.report().await.status, "ready");
    is_lost.store(true, Ordering::Relaxed);
    assert_eq!(health.report().await.status, "degraded");
    is_lost.store(false, Ordering::Relaxed);
    assert_eq!(health.report().await.status, "ready");
}
