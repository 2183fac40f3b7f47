//! How the connection is doing, for people.

/// The state of a client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// There is none, and one is being made.
    Connecting {
        /// Why the last attempt, or the last connection, ended.
        last_error: Option<String>,
    },
    /// Open and authenticated.
    Connected {
        /// Which life of its database the relay speaks of; a restore starts a new one.
        incarnation: sealpost_protocol::ids::Incarnation,
    },
    /// The relay does not accept this session: log in again.
    Stopped {
        /// Why.
        reason: &'static str,
    },
}
