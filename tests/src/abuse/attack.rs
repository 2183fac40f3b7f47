//! What an attack is.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{
    tally::Tally,
    victim::{Cast, Member, Times},
};

/// One kind of abuse.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// What a server without our limits was measured to suffer, where somebody measured it.
    pub(super) unprotected: &'static str,
    /// How many do it at once.
    pub(super) attackers: usize,
    pub(super) bound: Bound,
    /// Answers that must be among those the attackers got. Of closes, no others may be there.
    pub(super) answers: &'static [&'static str],
    pub(super) run: fn(Arena) -> BoxFuture<'static, Tally>,
}

/// What the relay does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Closes the connection at once.
    AtOnce,
    /// Closes it when the head of a request is late.
    Head,
    /// Closes it when the body of a request is late.
    Body,
    /// Closes it when the proof is late.
    Proof,
    /// Closes it when nothing of what waits is taken.
    Write,
    /// Closes it when pings are not answered.
    Pings,
    /// Lets the connection be and does only so much for it.
    Held,
    /// The same, for what any member may do: Bob does it first, and memory counts beyond what he took.
    Right,
}

/// What "at once" may take, a busy machine included.
const AT_ONCE: Duration = Duration::from_secs(4);

impl Bound {
    /// For how long an attacker may stay connected.
    pub(super) fn within(self, times: &Times) -> Option<Duration> {
        let time = match self {
            Self::AtOnce => Duration::ZERO,
            Self::Head => times.head,
            Self::Body => times.request,
            Self::Proof => times.proof,
            Self::Write => times.write,
            // Two may stay unanswered, the third ends it; each interval may be a tenth longer.
            Self::Pings => times.ping * 33 / 10,
            Self::Held | Self::Right => return None,
        };
        Some(time + AT_ONCE)
    }
}

/// What one attacker works with.
#[derive(Clone)]
pub(super) struct Arena {
    pub(super) relay: SocketAddr,
    /// Which of the attackers this is.
    pub(super) number: usize,
    /// When to stop.
    pub(super) until: Instant,
    pub(super) cast: Arc<Cast>,
    /// As whom, where it takes a member.
    pub(super) member: Member,
    pub(super) times: Times,
    pub(super) bound: Bound,
}

impl Arena {
    /// The address of all attackers together.
    pub(super) fn one_address() -> IpAddr {
        Ipv4Addr::new(127, 0, 1, 1).into()
    }

    /// An address of this attacker's own.
    pub(super) fn own_address(&self) -> IpAddr {
        let host = u8::try_from(self.number).expect("attackers are few");
        Ipv4Addr::new(127, 0, 2, host).into()
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// When somebody who does this from now on must have been closed; where nobody is, the end of the attack.
    pub(super) fn patience(&self) -> Instant {
        self.bound
            .within(&self.times)
            .map_or(self.until, |limit| Instant::now() + limit)
    }
}
