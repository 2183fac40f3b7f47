//! The configuration of a development relay, below what variables say.

use std::net::SocketAddr;

use toml::{Table, Value};

use super::servers::Servers;

/// What holds for every development relay.
pub(super) fn of_everyone() -> Table {
    table([("telemetry", table([("format", "human".into())]).into())])
}

/// What this one needs besides. Who runs at which address is known by now.
pub(super) fn of_this(servers: &Servers, (public, ops): (SocketAddr, SocketAddr)) -> Table {
    let server = table([
        ("public_listen", public.to_string().into()),
        ("ops_listen", ops.to_string().into()),
        ("public_url", format!("http://{public}").into()),
    ]);
    let database = table([("url", servers.database_url().into())]);
    table([
        ("environment", "development".into()),
        ("server", server.into()),
        ("database", database.into()),
        ("kms", servers.kms().into()),
    ])
}

/// A table of these entries.
pub(super) fn table<const LENGTH: usize>(entries: [(&str, Value); LENGTH]) -> Table {
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
