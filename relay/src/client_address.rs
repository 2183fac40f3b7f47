//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr};

/// The client's address, as the listener found it out (behind a trusted proxy, from its header): an extension of every
/// request. For limits only; never logged and never stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The part of an address that one client cannot choose: all of an IPv4 address, the /64 of an IPv6 one. What limits
/// count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
            address => address,
        })
    }
}
