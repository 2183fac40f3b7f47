//! The open, authenticated sockets, so that they can be told and ended from outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use sealpost_protocol::close::CloseCode;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::{AccountId, SessionId};
use sealpost_protocol::wire::{self, relay_frame::Body};
use tokio::sync::{broadcast, oneshot, watch};

use super::close::Close;
use super::frame::encode;

/// Notices that a socket may miss if it is too busy to take them.
const NOTICES: usize = 16;

/// What the relay is about to do to its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serve them.
    Open,
    /// Tell them to go; still serve them.
    Leaving,
    /// Answer what is in flight and close.
    Closing,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    sockets: BTreeMap<(SessionId, u64), Entry>,
}

#[derive(Debug)]
struct Entry {
    account: AccountId,
    end: oneshot::Sender<Close>,
}

/// All authenticated sockets of this relay.
#[derive(Debug)]
pub struct Registry {
    entries: Mutex<Entries>,
    phase: watch::Sender<Phase>,
    notices: broadcast::Sender<Bytes>,
}

/// One socket's place in the registry; leaves it when dropped.
#[derive(Debug)]
pub struct Registration {
    registry: Arc<Registry>,
    key: (SessionId, u64),
    ended: oneshot::Receiver<Close>,
    phase: watch::Receiver<Phase>,
    notices: broadcast::Receiver<Bytes>,
}

/// Something from outside that a socket must act on.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// Close at once.
    End(Close),
    /// The relay changed its phase.
    Enter(Phase),
    /// Send this frame.
    Tell(Bytes),
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            phase: watch::Sender::new(Phase::Open),
            notices: broadcast::Sender::new(NOTICES),
        }
    }
}

impl Registry {
    /// Adds a socket.
    pub fn register(self: &Arc<Self>, session: SessionId, account: AccountId) -> Registration {
        let (end, ended) = oneshot::channel();
        let mut entries = self.entries();
        entries.next += 1;
        let key = (session, entries.next);
        entries.sockets.insert(key, Entry { account, end });
        Registration {
            registry: self.clone(),
            key,
            ended,
            phase: self.phase(),
            notices: self.notices.subscribe(),
        }
    }

    /// Closes the sockets of a session that was revoked or has expired.
    pub fn end_session(&self, session: &SessionId) {
        self.end_where((*session, 0)..=(*session, u64::MAX), |_| true);
    }

    /// Closes the sockets of an account that was disabled or deleted, or whose owner has started over.
    pub fn end_account(&self, account: &AccountId) {
        self.end_where(.., |entry| entry.account == *account);
    }

    /// The sessions that have a socket open, each once.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionId> {
        let entries = self.entries();
        let mut sessions: Vec<_> = entries.sockets.keys().map(|(session, _)| *session).collect();
        sessions.dedup();
        sessions
    }

    /// Sockets that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.entries().sockets.len()
    }

    /// Sends a Notice to every socket.
    pub fn tell(&self, kind: &str, message: &str) {
        let notice = wire::Notice {
            kind: kind.to_owned(),
            message: message.to_owned(),
        };
        // Fails only when there is no socket to tell.
        let _ = self.notices.send(encode(0, Body::Notice(notice)));
    }

    /// Enters a later phase; there is no way back.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
    }

    /// The phase now.
    #[must_use]
    pub fn current_phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// The phase, now and as it changes.
    #[must_use]
    pub fn phase(&self) -> watch::Receiver<Phase> {
        let mut phase = self.phase.subscribe();
        // A socket that opens while the relay leaves must be told, so even the first value is news.
        phase.mark_changed();
        phase
    }

    fn end_where(
        &self,
        range: impl std::ops::RangeBounds<(SessionId, u64)>,
        wanted: impl Fn(&Entry) -> bool,
    ) {
        let ended = Close::because(CloseCode::SessionEnded, ErrorCode::NotAuthenticated);
        let mut entries = self.entries();
        for (_, entry) in entries.sockets.extract_if(range, |_, entry| wanted(entry)) {
            // Fails only when the socket is ending anyway.
            let _ = entry.end.send(ended);
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries
            .lock()
            .expect("nothing panics while it holds the registry")
    }
}

impl Registration {
    /// The next order. May be cancelled.
    pub async fn next(&mut self) -> Order {
        tokio::select! {
            // The end of this socket outweighs news about the relay, and that outweighs messages to people.
            biased;
            Ok(close) = &mut self.ended => Order::End(close),
            Ok(()) = self.phase.changed() => Order::Enter(*self.phase.borrow_and_update()),
            Ok(notice) = self.notices.recv() => Order::Tell(notice),
            else => std::future::pending().await,
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.entries().sockets.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId::new([1; 16]);
    const OTHER: SessionId = SessionId::new([2; 16]);
    const ACCOUNT: AccountId = AccountId::new([3; 16]);
    const ENDED: Order = Order::End(Close::because(
        CloseCode::SessionEnded,
        ErrorCode::NotAuthenticated,
    ));

    #[tokio::test]
    async fn revoked_session_ends_all_its_sockets_and_no_other() {
        let registry = Arc::new(Registry::default());
        let mut first = registry.register(SESSION, ACCOUNT);
        let mut second = registry.register(SESSION, ACCOUNT);
        let mut other = registry.register(OTHER, ACCOUNT);
        assert_eq!(registry.sessions(), [SESSION, OTHER]);
        registry.end_session(&SESSION);
        assert_eq!(first.next().await, ENDED);
        assert_eq!(second.next().await, ENDED);
        assert_eq!(other.next().await, Order::Enter(Phase::Open));
        assert_eq!(registry.sessions(), [OTHER]);
        registry.end_account(&ACCOUNT);
        assert_eq!(other.next().await, ENDED);
        drop((first, second, other));
        assert_eq!(registry.sessions(), []);
    }

    #[tokio::test]
    async fn phases_only_go_forward_and_late_sockets_learn_them() {
        let registry = Arc::new(Registry::default());
        registry.enter(Phase::Closing);
        registry.enter(Phase::Leaving);
        let mut late = registry.register(SESSION, ACCOUNT);
        assert_eq!(late.next().await, Order::Enter(Phase::Closing));
    }

    #[tokio::test]
    async fn notice_reaches_every_socket() {
        let registry = Arc::new(Registry::default());
        let mut socket = registry.register(SESSION, ACCOUNT);
        assert_eq!(socket.next().await, Order::Enter(Phase::Open));
        registry.tell("maintenance", "tonight");
        assert!(matches!(socket.next().await, Order::Tell(_)));
    }
}
