//! How a relay ends: asked to, or because a part of it ended unasked.

use std::{collections::HashMap, future::Future, process};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::{Id, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// A wish to end that everybody who holds a clone can see.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// Asks to end. More than once is as good as once.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until somebody asks.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Requests a shutdown on SIGTERM or SIGINT; exits at once on the second of them.
    ///
    /// # Errors
    /// When the process may not handle signals.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if shutdown.is_requested() {
                    tracing::warn!("told to end a second time: exiting at once");
                    process::exit(EXIT_AT_ONCE);
                }
                tracing::info!("told to end: draining");
                shutdown.request();
            }
        });
        Ok(())
    }
}

/// The exit code after a second signal: 128 and the number of SIGTERM, as shells have it.
const EXIT_AT_ONCE: i32 = 143;

/// The long-running parts of a relay, by name. They are cut when this is dropped.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// A part of the relay that ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
#[error("the task {name} ended unasked{}", if *panicked { ", by a panic" } else { "" })]
pub struct Crash {
    /// Which part.
    pub name: &'static str,
    /// Whether by a panic.
    pub panicked: bool,
}

impl Tasks {
    /// Starts a part that is meant to run until the shutdown.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.set.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Waits until a part ends; before a shutdown, that is a crash. May be cancelled.
    pub async fn crash(&mut self) -> Crash {
        match self.set.join_next_with_id().await {
            Some(Ok((id, ()))) => self.named(id, false),
            Some(Err(error)) => self.named(error.id(), error.is_panic()),
            None => std::future::pending().await,
        }
    }

    /// Waits until every part has ended, as they do once they are told to.
    pub async fn ended(&mut self) {
        while self.set.join_next().await.is_some() {}
    }

    fn named(&self, id: Id, panicked: bool) -> Crash {
        let name = self.names.get(&id).copied().unwrap_or("unknown");
        Crash { name, panicked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_returns_is_a_crash_with_its_name() {
        let mut tasks = Tasks::default();
        tasks.spawn("steady", std::future::pending());
        tasks.spawn("hasty", async {});
        let crash = tasks.crash().await;
        assert_eq!(crash.to_string(), "the task hasty ended unasked");
    }

    #[tokio::test]
    async fn a_task_that_panics_is_a_crash_with_its_name() {
        let mut tasks = Tasks::default();
        tasks.spawn("shaky", async { panic!("as the test wants it") });
        assert_eq!(
            tasks.crash().await.to_string(),
            "the task shaky ended unasked, by a panic"
        );
    }

    #[tokio::test]
    async fn a_request_is_seen_by_every_clone_before_and_after() {
        let shutdown = Shutdown::default();
        let (early, late) = (shutdown.clone(), shutdown.clone());
        let waiting = tokio::spawn(async move { early.requested().await });
        shutdown.request();
        waiting.await.unwrap();
        late.requested().await;
        assert!(late.is_requested());
    }
}
