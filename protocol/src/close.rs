//! WebSocket close codes of the relay.

/// Why the relay closed a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The relay is going away; reconnect after the hint of its GoAway frame.
    GoingAway = 1001,
    /// A frame broke the WebSocket protocol or this one; do not send it again.
    ProtocolError = 1002,
    /// A text message arrived on this binary protocol.
    Unsupported = 1003,
    /// A text payload was not UTF-8.
    InvalidPayload = 1007,
    /// A policy or rate limit was broken; the reason text carries the error code.
    Policy = 1008,
    /// A message was over the frame limit.
    TooLarge = 1009,
    /// The relay failed; reconnect with back-off.
    Internal = 1011,
    /// The relay restarts; reconnect with back-off.
    Restart = 1012,
    /// The relay is overloaded; reconnect later.
    Overloaded = 1013,
    /// The socket was not authenticated in time or the proof was refused.
    NotAuthenticated = 4001,
    /// The session was revoked or expired; log in again.
    SessionEnded = 4002,
    /// The client did not read or answer pings within the deadline.
    TooSlow = 4003,
    /// The principal is no longer a member of a space that this socket read; reconnect for the others.
    Removed = 4004,
}

impl CloseCode {
    /// The code's number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }
}
