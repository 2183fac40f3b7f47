//! A few threads for signature checks, off the socket tasks.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::spaces::Party;

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs on at most so many threads at once: those of one party in the order they come, and of all parties that have some
/// one job each by turns, so that nobody waits for all that somebody else sent. A thread goes on as long as there are jobs, so
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
    /// None of them is empty.
    jobs: HashMap<Party, VecDeque<Job>>,
    /// Each party that has jobs, once.
    turns: VecDeque<Party>,
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

    /// Queues a job of `party`; its result comes through the channel.
    pub(super) fn run<T: Send + 'static>(
        &self,
        party: Party,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        self.start(party, move || {
            // Nobody waits any more when the relay is ending.
            let _ = sender.send(job());
        });
        receiver
    }

    /// Queues a job of `party` that sees to its result by itself.
    pub(super) fn start(&self, party: Party, job: impl FnOnce() + Send + 'static) {
        if self.queue.push(party, Box::new(job)) {
            let worker = Worker {
                queue: Arc::clone(&self.queue),
                is_counted: true,
            };
            tokio::task::spawn_blocking(move || worker.work());
        }
    }
}

impl Queue {
    /// Whether one more worker is needed; it is counted already.
    fn push(&self, party: Party, job: Job) -> bool {
        let mut state = self.lock();
        state.push(party, job);
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

impl State {
    fn push(&mut self, party: Party, job: Job) {
        match self.jobs.entry(party) {
            Entry::Occupied(jobs) => jobs.into_mut().push_back(job),
            Entry::Vacant(none) => {
                none.insert(VecDeque::from([job]));
                self.turns.push_back(party);
            }
        }
    }

    fn pop(&mut self) -> Option<Job> {
        let party = self.turns.pop_front()?;
        let Entry::Occupied(mut jobs) = self.jobs.entry(party) else {
            return None;
        };
        let job = jobs.get_mut().pop_front();
        if jobs.get().is_empty() {
            jobs.remove();
        } else {
            self.turns.push_back(party);
        }
        job
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
        let job = state.pop();
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::join_all;
    use sealpost_protocol::ids::AccountId;

    use super::*;

    #[tokio::test]
    async fn a_job_does_not_wait_for_all_those_of_another_party() {
        let pool = VerifyPool::new(NonZeroUsize::MIN);
        let [mallory, alice] = [1, 2].map(|number| Party::Person(AccountId::new([number; 16])));
        let (go_on, wait) = mpsc::channel::<()>();
        let first = pool.run(mallory, move || wait.recv().is_ok());
        let done = Arc::new(Mutex::new(Vec::new()));
        let note = |party: Party| {
            let done = Arc::clone(&done);
            pool.run(party, move || done.lock().unwrap().push(party))
        };
        let mut jobs: Vec<_> = (0..100).map(|_| note(mallory)).collect();
        jobs.push(note(alice));
        go_on.send(()).unwrap();
        assert!(first.await.unwrap());
        join_all(jobs).await;
        let done = done.lock().unwrap();
        assert_eq!(done.len(), 101);
        assert!(done[..2].contains(&alice), "{:?}", &done[..2]);
    }
}
