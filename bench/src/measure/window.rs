//! One measurement: a time to warm up, then a window in which everything counts, then the end.

use std::{
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
    time::Duration,
};

use anyhow::Result;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{Actor, CpuTimes, Latencies};

/// Before it, while everything warms up, the phase is 0.
const COUNTING: u8 = 1;
const ENDED: u8 = 2;
/// How much longer the window is if nothing was done in it: on a busy machine a short one can pass like that.
const FIRST_WITHIN: Duration = Duration::from_secs(30);
const LOOKED_EVERY: Duration = Duration::from_millis(10);

/// How long a measurement takes.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Before anything counts.
    pub warm_up: Duration,
    /// While it counts.
    pub counted: Duration,
}

impl Times {
    /// In milliseconds.
    #[must_use]
    pub const fn of(warm_up_ms: u64, counted_ms: u64) -> Self {
        Self {
            warm_up: Duration::from_millis(warm_up_ms),
            counted: Duration::from_millis(counted_ms),
        }
    }

    /// In all.
    #[must_use]
    pub fn whole(self) -> Duration {
        self.warm_up + self.counted
    }
}

/// What all tasks of a load share: they count here, and stop when told.
#[derive(Debug, Default)]
pub struct Meter {
    phase: AtomicU8,
    done: AtomicU64,
    end: Notify,
}

impl Meter {
    /// Counts what is done, in the measure of the row; returns whether it counts now.
    pub fn count(&self, done: u64) -> bool {
        self.done.fetch_add(done, Ordering::Relaxed);
        self.is_counting()
    }

    /// Whether latencies count now.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == COUNTING
    }

    /// Whether the load should end.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == ENDED
    }

    /// Ends the measurement now: somebody has nothing more to send.
    pub fn end_early(&self) {
        self.end.notify_one();
    }

    /// What was done so far, whether it counted or not.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Waits until more is done than that.
    async fn first_behind(&self, done: u64) {
        while self.done() == done {
            tokio::time::sleep(LOOKED_EVERY).await;
        }
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
    }
}

/// What happened in the window.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// What was done.
    pub done: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// A whole measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was done, and in which time.
    pub window: Window,
    /// By whom, in CPU time.
    pub cpu: CpuTimes,
    /// How long each took.
    pub latencies: Latencies,
}

impl Measured {
    /// Measures a piece of work that ends by itself, and says how much it did.
    pub async fn of_work(
        actors: &[Actor],
        work: impl AsyncFnOnce(&mut Latencies) -> Result<u64>,
    ) -> Result<Self> {
        let mut latencies = Latencies::default();
        let (cpu, started) = (CpuTimes::sample(actors)?, Instant::now());
        let done = work(&mut latencies).await?;
        let window = Window {
            done,
            elapsed: started.elapsed(),
        };
        Ok(Self {
            window,
            cpu: CpuTimes::sample(actors)?.since(&cpu),
            latencies,
        })
    }
}

impl Window {
    /// Measures a load that runs already, and tells it to end. The latencies are the load's to tell.
    pub async fn measure(meter: &Meter, times: Times, actors: &[Actor]) -> Result<(Self, CpuTimes)> {
        tokio::time::sleep(times.warm_up).await;
        let (cpu, done, started) = (CpuTimes::sample(actors)?, meter.done(), Instant::now());
        meter.enter(COUNTING);
        // Either is the end.
        if timeout(times.counted, meter.end.notified()).await.is_err() {
            let _ = timeout(FIRST_WITHIN, meter.first_behind(done)).await;
        }
        let window = Self {
            done: meter.done() - done,
            elapsed: started.elapsed(),
        };
        meter.enter(ENDED);
        Ok((window, CpuTimes::sample(actors)?.since(&cpu)))
    }

    /// How many in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        warm_up: Duration::from_secs(1),
        counted: Duration::from_secs(4),
    };

    #[tokio::test(start_paused = true)]
    async fn what_is_done_while_warming_up_does_not_count() {
        let meter = Meter::default();
        assert!(!meter.count(100));
        let load = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert!(meter.count(8));
        };
        let (measured, ()) = tokio::join!(Window::measure(&meter, TIMES, &[]), load);
        let (window, cpu) = measured.unwrap();
        assert_eq!((window.done, window.elapsed), (8, Duration::from_secs(4)));
        assert_eq!(window.rate(), 2.0);
        assert!(cpu.by_name.is_empty() && meter.is_ended());
    }

    #[tokio::test(start_paused = true)]
    async fn window_in_which_nothing_was_done_lasts_until_something_is() {
        let meter = Meter::default();
        let load = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            assert!(meter.count(8));
        };
        let (measured, ()) = tokio::join!(Window::measure(&meter, TIMES, &[]), load);
        let (window, _) = measured.unwrap();
        assert_eq!(window.done, 8);
        assert!(window.elapsed >= Duration::from_secs(8), "{:?}", window.elapsed);
    }

    #[tokio::test(start_paused = true)]
    async fn load_that_runs_out_ends_the_window() {
        let meter = Meter::default();
        let load = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            meter.end_early();
        };
        let (measured, ()) = tokio::join!(Window::measure(&meter, TIMES, &[]), load);
        assert_eq!(measured.unwrap().0.elapsed, Duration::from_secs(2));
    }
}
