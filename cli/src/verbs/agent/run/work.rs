//! What goes on beside the program, and is finished behind it.

use std::pin::Pin;

use crate::failure::Failure;

/// Something that is looked at while other things happen, and finished later.
pub(super) struct Work<W> {
    work: Option<Pin<Box<W>>>,
}

impl<W: Future<Output = Result<(), Failure>>> Work<W> {
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
