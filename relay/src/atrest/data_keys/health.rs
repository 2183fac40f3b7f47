//! What health answers and metrics say about the data keys.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::atrest::key_wrapper::{KeyWrapError, WrapperDescription};

/// How the key service does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHealth {
    /// The state to show.
    pub state: KeyServiceState,
    /// How long ago the key service last did what it was asked; `None` if it never did.
    pub since_contact: Option<Duration>,
    /// Why the last call failed, if it did.
    pub last_error: Option<KeyWrapError>,
    /// What the key service is.
    pub wrapper: WrapperDescription,
}

/// The three states of the key service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyServiceState {
    /// The last call succeeded, and not too long ago.
    Good,
    /// The last call failed; keys in memory are still in use.
    Degraded,
    /// Not reached for longer than the degraded window, or never: no key can be used.
    Down,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyStatistics {
    /// Keys in memory now.
    pub held: u64,
    /// Keys that were served from memory.
    pub hits: u64,
    /// Keys that had to be opened.
    pub misses: u64,
    /// Keys that someone else was opening already.
    pub joined: u64,
    /// Calls to the key service.
    pub calls: u64,
    /// Those of them that failed.
    pub failed_calls: u64,
}

/// When the key service was last reached.
#[derive(Default)]
pub(super) struct Contact {
    last: Option<Instant>,
    error: Option<KeyWrapError>,
}

impl Contact {
    /// Takes note of how a call ended. (What is wrong with a single key is no error of the call.)
    pub(super) fn note(&mut self, now: Instant, error: Option<&KeyWrapError>) {
        match (&self.error, error) {
            (None, Some(error)) => tracing::warn!(%error, "lost the key service"),
            (Some(_), None) => tracing::info!("the key service is back"),
            _ => {}
        }
        if error.is_none() {
            self.last = Some(now);
        }
        self.error = error.cloned();
    }

    /// Whether keys in memory may be used at `now`.
    pub(super) fn is_within(&self, window: Duration, now: Instant) -> bool {
        self.last.is_some_and(|last| now.duration_since(last) < window)
    }

    /// Whether the last call succeeded.
    pub(super) fn is_good(&self) -> bool {
        self.last.is_some() && self.error.is_none()
    }

    pub(super) fn health(&self, now: Instant, window: Duration, wrapper: WrapperDescription) -> KeyHealth {
        KeyHealth {
            state: self.state(now, window),
            since_contact: self.last.map(|last| now.duration_since(last)),
            last_error: self.error.clone(),
            wrapper,
        }
    }

    fn state(&self, now: Instant, window: Duration) -> KeyServiceState {
        match (self.is_within(window, now), self.is_good()) {
            (false, _) => KeyServiceState::Down,
            (true, false) => KeyServiceState::Degraded,
            (true, true) => KeyServiceState::Good,
        }
    }
}

/// Counters that many tasks share.
#[derive(Default)]
pub(super) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    joined: AtomicU64,
    calls: AtomicU64,
    failed_calls: AtomicU64,
}

impl Counters {
    pub(super) fn looked_up(&self, hits: usize, misses: usize, joined: usize) {
        self.hits.fetch_add(hits as u64, Ordering::Relaxed);
        self.misses.fetch_add(misses as u64, Ordering::Relaxed);
        self.joined.fetch_add(joined as u64, Ordering::Relaxed);
    }

    pub(super) fn called(&self, failed: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failed_calls.fetch_add(u64::from(failed), Ordering::Relaxed);
    }

    pub(super) fn read(&self, held: usize) -> KeyStatistics {
        KeyStatistics {
            held: held as u64,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            joined: self.joined.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
            failed_calls: self.failed_calls.load(Ordering::Relaxed),
        }
    }
}
