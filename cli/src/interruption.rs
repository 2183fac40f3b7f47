//! SIGINT and SIGTERM, for a verb that has something to say before it ends.

use std::fs::File;
use std::sync::{Mutex, PoisonError};

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::AbortHandle;

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

/// Who answers signals while nobody else does, since a secret was asked for.
static KEEPER: Mutex<Option<AbortHandle>> = Mutex::new(None);

/// From now on a signal gives the terminal back as it is now before it ends the process, until a verb catches signals itself.
/// A prompt that hides what is typed would leave it so.
pub(crate) fn keep_terminal() -> Result<(), Failure> {
    let failure = |source| Failure::file("the terminal", source);
    let terminal = File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(failure)?;
    let settings = tcgetattr(&terminal).map_err(|errno| failure(errno.into()))?;
    let mut signals = Interruptions::listen()?;
    let keeper = tokio::spawn(async move {
        let signal = signals.next().await;
        // There is nobody left to tell of a terminal that cannot be set.
        let _ = tcsetattr(&terminal, OptionalActions::Now, &settings);
        std::process::exit(signal.code().into());
    });
    relieve_keeper(Some(keeper.abort_handle()));
    Ok(())
}

fn relieve_keeper(next: Option<AbortHandle>) {
    let mut keeper = KEEPER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(former) = std::mem::replace(&mut *keeper, next) {
        former.abort();
    }
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
        let caught = Self::listen()?;
        relieve_keeper(None);
        Ok(caught)
    }

    fn listen() -> Result<Self, Failure> {
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
