//! `healthcheck`: for container images without a shell.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use clap::Args;

use crate::config::{Config, Sources};

/// How long the relay may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Whom to ask.
#[derive(Args)]
pub(super) struct Arguments {
    /// The ops listener to ask, such as 127.0.0.1:7451; by default the configured one.
    #[arg(long, value_name = "ADDRESS")]
    ops: Option<SocketAddr>,
}

/// Prints the relay's report; fails unless it is ready.
pub(super) async fn run(arguments: Arguments, sources: Sources) -> anyhow::Result<ExitCode> {
    let address = match arguments.ops {
        Some(address) => address,
        None => Config::load(sources)?.server.ops_listen,
    };
    let url = format!("http://{}/ready", reachable(address));
    let answer = super::operator::plain_http()
        .get(url)
        .timeout(LIMIT)
        .send()
        .await?;
    let ready = answer.status().is_success();
    println!("{}", answer.text().await?);
    Ok(if ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether a relay answers at this ops listener.
pub(super) async fn is_a_relay(ops: SocketAddr) -> bool {
    let url = format!("http://{}/version", reachable(ops));
    let asking = super::operator::plain_http().get(url).timeout(LIMIT).send();
    let Ok(answer) = asking.await else {
        return false;
    };
    let version = answer.json::<serde_json::Value>().await;
    version.is_ok_and(|version| version["name"] == env!("CARGO_PKG_NAME"))
}

/// A listener on all addresses is asked on this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
