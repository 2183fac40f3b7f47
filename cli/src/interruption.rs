//! SIGINT and SIGTERM, for a verb that has something to say before it ends.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Which signal it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Ctrl-C.
    Int,
    /// What a supervisor sends.
    Term,
}

/// Both signals, which from now on do not end the process by themselves.
pub(crate) struct Interruptions {
    int: Signal,
    term: Signal,
}

impl Interruption {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Int => "SIGINT",
            Self::Term => "SIGTERM",
        }
    }

    /// 128 and the signal's number, as shells count.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Int => 128 + 2,
            Self::Term => 128 + 15,
        }
    }
}

impl Interruptions {
    pub(crate) fn catch() -> Result<Self, Failure> {
        let catch = |kind| signal(kind).map_err(|source| Failure::file("catching signals", source));
        Ok(Self {
            int: catch(SignalKind::interrupt())?,
            term: catch(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Interruption {
        tokio::select! {
            _ = self.int.recv() => Interruption::Int,
            _ = self.term.recv() => Interruption::Term,
        }
    }

    /// Gives `work` the time it takes; the next signal ends the process at once.
    pub(crate) async fn unless_repeated<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            again = self.next() => std::process::exit(again.code().into()),
            done = work => done,
        }
    }
}
