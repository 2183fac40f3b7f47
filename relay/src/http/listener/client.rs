//! Who is behind the proxies.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: the peer's, unless that is a trusted proxy. Then the hops that proxies added to
/// `X-Forwarded-For` are read from the right, and the first one that is no trusted proxy is the client. What stands left
/// of it anybody could have written.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusts: impl Fn(IpAddr) -> bool) -> IpAddr {
    let values: Vec<_> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let hops = values.iter().rev().flat_map(|value| value.rsplit(','));
    let mut nearest = peer;
    for hop in hops {
        if !trusts(nearest) {
            break;
        }
        match parse(hop.trim()) {
            Some(address) => nearest = address,
            None => break,
        }
    }
    nearest.to_canonical()
}

/// An address, with or without a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop
        .strip_prefix('[')
        .and_then(|hop| hop.strip_suffix(']'))
        .unwrap_or(hop);
    bare.parse()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::AddressRange;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let proxies: AddressRange = "10.0.0.0/8".parse().unwrap();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        address(peer.parse().unwrap(), &headers, |hop| proxies.contains(hop)).to_string()
    }

    #[test]
    fn a_stranger_is_who_it_is_whatever_it_claims() {
        assert_eq!(client("192.0.2.1", &["198.51.100.9"]), "192.0.2.1");
    }

    #[test]
    fn behind_a_proxy_the_rightmost_stranger_is_the_client() {
        assert_eq!(client("10.0.0.1", &["198.51.100.9, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(
            client("10.0.0.1", &["198.51.100.9, 192.0.2.7, 10.0.0.2"]),
            "192.0.2.7"
        );
        assert_eq!(client("10.0.0.1", &["192.0.2.7", "10.0.0.2"]), "192.0.2.7");
    }

    #[test]
    fn without_a_readable_hop_the_last_proxy_is_the_client() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["192.0.2.7, ,"]), "10.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_understood() {
        assert_eq!(client("10.0.0.1", &["192.0.2.7:4711"]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("::ffff:10.0.0.1", &["::ffff:192.0.2.7"]), "192.0.2.7");
    }

    proptest! {
        #[test]
        fn any_header_gives_some_address(value in "[ -~]{0,80}") {
            client("10.0.0.1", &[&value]);
        }
    }
}
