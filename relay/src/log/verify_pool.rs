//! A few threads for signature checks, off the socket tasks.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs in the order they come, on at most so many threads at once. A thread goes on as long as there are jobs, so
/// that under load none is woken for a single one.
pub(super) struct VerifyPool {
    queue: Arc<Queue>,
}

struct Queue {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    workers: usize,
}

impl VerifyPool {
    /// A pool that starts no thread before it has a job.
    pub(super) fn new(limit: NonZeroUsize) -> Self {
        let queue = Queue {
            limit: limit.get(),
            state: Mutex::default(),
        };
        Self {
            queue: Arc::new(queue),
        }
    }

    /// Queues a job; its result comes through the channel.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move || {
            // Nobody waits any more when the relay is ending.
            let _ = sender.send(job());
        });
        if self.queue.push(job) {
            let worker = Worker {
                queue: Arc::clone(&self.queue),
                is_counted: true,
            };
            tokio::task::spawn_blocking(move || worker.work());
        }
        receiver
    }
}

impl Queue {
    /// Whether one more worker is needed; it is counted already.
    fn push(&self, job: Job) -> bool {
        let mut state = self.lock();
        state.jobs.push_back(job);
        let needed = state.workers < self.limit;
        state.workers += usize::from(needed);
        needed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

/// One running thread. It gives up its place under the same lock under which it finds nothing to do, so that no job is
/// left behind; or when it is dropped by a panic.
struct Worker {
    queue: Arc<Queue>,
    is_counted: bool,
}

impl Worker {
    fn work(mut self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&mut self) -> Option<Job> {
        let mut state = self.queue.lock();
        let job = state.jobs.pop_front();
        if job.is_none() {
            state.workers -= 1;
            self.is_counted = false;
        }
        job
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.is_counted {
            self.queue.lock().workers -= 1;
        }
    }
}
