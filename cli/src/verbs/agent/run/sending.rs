//! What sends the program's lines, until there are no more.

use std::pin::Pin;

use crate::failure::Failure;

/// Work that is looked at while other things happen, and finished later.
pub(super) struct Sending<W> {
    work: Option<Pin<Box<W>>>,
}

impl<W: Future<Output = Result<(), Failure>>> Sending<W> {
    pub(super) fn new(work: W) -> Self {
        Self {
            work: Some(Box::pin(work)),
        }
    }

    /// Does the work; returns only if it fails.
    pub(super) async fn failure(&mut self) -> Failure {
        if let Some(work) = &mut self.work {
            let result = work.await;
            self.work = None;
            if let Err(failure) = result {
                return failure;
            }
        }
        std::future::pending().await
    }

    /// What is left of it.
    pub(super) async fn rest(self) -> Result<(), Failure> {
        match self.work {
            Some(work) => work.await,
            None => Ok(()),
        }
    }
}
