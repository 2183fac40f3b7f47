//! Which address to dial.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpStream, lookup_host};
use url::Host;

use crate::config::{ClientConfig, RelayUrl, is_localhost};

/// Opens a TCP connection to the relay: the first address that answers.
pub(super) async fn dial(config: &ClientConfig) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the relay's name has no address");
    for address in addresses(config).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn addresses(config: &ClientConfig) -> io::Result<Vec<SocketAddr>> {
    if let Some(address) = config.connect_to {
        return Ok(vec![address]);
    }
    match known_addresses(&config.relay) {
        Some(addresses) => Ok(addresses),
        None => resolve(&config.relay).await,
    }
}

/// Addresses that need no resolver: literal ones, and this machine's for `localhost` and the names under it.
fn known_addresses(relay: &RelayUrl) -> Option<Vec<SocketAddr>> {
    let port = relay.port();
    let at = |address: IpAddr| SocketAddr::new(address, port);
    match relay.host() {
        Host::Ipv4(address) => Some(vec![at(address.into())]),
        Host::Ipv6(address) => Some(vec![at(address.into())]),
        Host::Domain(name) if is_localhost(name) => Some(vec![
            at(Ipv4Addr::LOCALHOST.into()),
            at(Ipv6Addr::LOCALHOST.into()),
        ]),
        Host::Domain(_) => None,
    }
}

async fn resolve(relay: &RelayUrl) -> io::Result<Vec<SocketAddr>> {
    let host = relay.host().to_string();
    Ok(lookup_host((host.as_str(), relay.port())).await?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(url: &str) -> Option<Vec<String>> {
        let addresses = known_addresses(&RelayUrl::parse(url).unwrap())?;
        Some(addresses.iter().map(SocketAddr::to_string).collect())
    }

    #[test]
    fn names_under_localhost_are_this_machine_without_a_resolver() {
        for name in ["localhost", "relay.localhost", "Relay.LOCALHOST."] {
            let addresses = known(&format!("http://{name}:7450")).unwrap();
            assert_eq!(addresses, ["127.0.0.1:7450", "[::1]:7450"]);
        }
        assert_eq!(known("https://localhost.example.org"), None);
    }

    #[test]
    fn literal_addresses_are_dialled_as_they_are() {
        assert_eq!(known("https://192.0.2.1").unwrap(), ["192.0.2.1:443"]);
        assert_eq!(known("http://[::1]:7450").unwrap(), ["[::1]:7450"]);
    }
}
