//! Work that blocks or computes for long, off the async threads.

use tokio::task::JoinError;

/// Runs `work` on a blocking thread and waits for it; a panic goes on in the caller. In a runtime that is shutting down `work` may
/// never begin: whoever waits for it then is not woken any more.
pub(crate) async fn run<T, F>(work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    outcome(tokio::task::spawn_blocking(work).await).await
}

/// What came of a task that nobody aborts: its panic goes on in the caller.
pub(crate) async fn outcome<T>(ended: Result<T, JoinError>) -> T {
    match ended {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime has cancelled it, and is about to drop whoever waits.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn work_that_a_runtime_cancels_at_its_end_panics_nobody() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        let _inside = handle.enter();
        assert!(run(|| ()).now_or_never().is_none());
    }

    #[tokio::test]
    async fn panic_of_the_work_goes_on_in_who_waits() {
        let waiting = tokio::spawn(run(|| panic!("as asked")));
        assert!(waiting.await.unwrap_err().is_panic());
    }
}
