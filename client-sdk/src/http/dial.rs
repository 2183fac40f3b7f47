//! Which addresses a relay has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Host;

use crate::config::{ClientConfig, is_localhost};
use crate::error::Error;

/// How long a connection may take to come up.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The same for whoever has less patience; none at all means that it is tried once.
pub(super) fn connect_within(patience: Duration) -> Duration {
    match patience {
        Duration::ZERO => CONNECT_WITHIN,
        patience => patience.min(CONNECT_WITHIN),
    }
}

/// Opens a TCP connection to the relay, or to where the configuration says it is.
pub(crate) async fn connect(config: &ClientConfig) -> Result<TcpStream, Error> {
    let connecting = async {
        let addresses = addresses(config).await?;
        let stream = TcpStream::connect(&addresses[..]).await?;
        stream.set_nodelay(true)?;
        Ok::<_, std::io::Error>(stream)
    };
    timeout(CONNECT_WITHIN, connecting)
        .await
        .map_err(|_| Error::network("the relay does not answer"))?
        .map_err(Error::network)
}

async fn addresses(config: &ClientConfig) -> std::io::Result<Vec<SocketAddr>> {
    let port = config.relay.port();
    match (config.connect_to, config.relay.host()) {
        (Some(address), _) => Ok(vec![address]),
        (None, Host::Ipv4(ip)) => Ok(vec![(ip, port).into()]),
        (None, Host::Ipv6(ip)) => Ok(vec![(ip, port).into()]),
        (None, Host::Domain(name)) => look_up(name, port).await,
    }
}

/// Looks a name up. Names under `localhost` are this machine without asking anybody (RFC 6761, section 6.3).
async fn look_up(name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    if is_localhost(name) {
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(loopback.map(|ip| SocketAddr::new(ip, port)).to_vec());
    }
    Ok(tokio::net::lookup_host((name, port)).await?.collect())
}

/// The same rules for reqwest.
pub(crate) struct Resolver {
    pub(crate) connect_to: Option<SocketAddr>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let connect_to = self.connect_to;
        Box::pin(async move {
            let addresses = match connect_to {
                Some(address) => vec![address],
                // Port 0 asks reqwest for the port of the URL.
                None => look_up(name.as_str(), 0).await?,
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
