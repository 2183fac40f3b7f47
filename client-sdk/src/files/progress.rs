//! How far a transfer is.

use std::sync::Arc;

/// How far a transfer is, in bytes of plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is done.
    pub done: u64,
    /// What there is to do, where that is known.
    pub total: Option<u64>,
}

/// Hears of progress. Called often: it should only take a note.
pub type Watch = Arc<dyn Fn(Progress) + Send + Sync>;

/// Watches nothing.
pub(super) fn unwatched() -> Watch {
    Arc::new(|_| ())
}

/// Tells how far all files are while one of them is on its way.
pub(super) fn shifted(watch: &Watch, before: u64, total: u64) -> Watch {
    let watch = Arc::clone(watch);
    Arc::new(move |progress: Progress| {
        watch(Progress {
            done: before + progress.done,
            total: Some(total),
        });
    })
}
