//! Work that blocks or computes for long, off the async threads.

/// Runs `work` on a blocking thread and waits for it; a panic goes on in the caller.
pub(crate) async fn run<T, F>(work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The handle is never aborted, so that a join error can only be a panic.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
