//! Where a request comes from.

use std::net::IpAddr;

/// The client's address, as the listener found it out (behind a trusted proxy, from its header): an extension of every
/// request. For limits only; never logged and never stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);
