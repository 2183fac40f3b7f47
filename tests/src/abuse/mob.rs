//! Where attackers run: on threads that get what the others leave.

use std::{
    fs, hint,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Runtime,
    task::{self, JoinHandle},
    time::{self, Instant},
};

use super::Tally;

/// How many threads.
const THREADS: usize = 2;
/// By which they are found among the others of this process.
const NAME: &str = "abuse-mob";
/// How long a burner goes on before it looks at its clocks.
const TURN: Duration = Duration::from_micros(500);

/// The threads of all attackers.
pub(super) struct Mob(Option<Runtime>);

/// Threads that do nothing, with all their might; until this is dropped.
pub(super) struct Burners(Arc<AtomicBool>);

impl Mob {
    pub(super) fn gather() -> Self {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        threads
            .worker_threads(THREADS)
            .thread_name(NAME)
            .on_thread_start(|| {
                // At the usual priority they would only be harder to bear.
                let _ = rustix::process::nice(15);
            });
        Self(Some(threads.enable_all().build().unwrap()))
    }

    pub(super) fn set_on(&self, attack: impl Future<Output = Tally> + Send + 'static) -> JoinHandle<Tally> {
        self.threads().spawn(attack)
    }

    /// What its threads have taken so far.
    pub(super) fn cpu(&self) -> Duration {
        taken()
    }

    /// Takes so much of a core, while nobody attacks.
    pub(super) fn burn(&self, appetite: f64) -> Burners {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..THREADS {
            self.threads().spawn(burn(appetite, Arc::clone(&stop)));
        }
        Burners(stop)
    }

    fn threads(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken by the end only")
    }
}

impl Drop for Mob {
    fn drop(&mut self) {
        // Waiting for its threads is not allowed where tasks run.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Goes on until all threads together have taken this of a core, as far as others leave it.
async fn burn(appetite: f64, stop: Arc<AtomicBool>) {
    let (start, before) = (Instant::now(), taken());
    while !stop.load(Ordering::Relaxed) {
        if taken() - before < start.elapsed().mul_f64(appetite) {
            spin();
            task::yield_now().await;
        } else {
            time::sleep(TURN).await;
        }
    }
}

fn spin() {
    let start = Instant::now();
    while start.elapsed() < TURN {
        hint::spin_loop();
    }
}

/// What all threads of this name have taken so far (proc(5)).
fn taken() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let folders = tasks.map(|task| task.unwrap().path());
    let own = folders.filter(|folder| {
        let name = fs::read_to_string(folder.join("comm"));
        name.is_ok_and(|name| name.trim_end() == NAME)
    });
    own.map(|folder| {
        let text = fs::read_to_string(folder.join("schedstat")).unwrap();
        let nanoseconds = text.split_ascii_whitespace().next().unwrap();
        Duration::from_nanos(nanoseconds.parse().unwrap())
    })
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burners_take_what_they_are_told_to_and_no_more() {
        let mob = Mob::gather();
        let (start, before) = (Instant::now(), mob.cpu());
        let burners = mob.burn(0.2);
        while mob.cpu() - before < Duration::from_millis(100) {
            std::thread::yield_now();
        }
        // Each is at most a few turns ahead, however busy the machine is.
        let allowed = start.elapsed().mul_f64(0.2) + 40 * TURN;
        let taken = mob.cpu() - before;
        assert!(taken <= allowed, "{taken:?} of {allowed:?}");
        drop(burners);
    }
}
