//! The configuration of a development relay, below what variables say.

use std::net::SocketAddr;

use toml::{Table, Value};

use super::servers::Servers;

/// What holds for every development relay.
pub(in crate::commands) fn of_everyone() -> Table {
    table([("telemetry", table([("format", "human".into())]).into())])
}

/// What this one needs besides. Who runs at which address is known by now.
pub(in crate::commands) fn of_this(
    servers: &Servers,
    (public, ops): (SocketAddr, SocketAddr),
) -> anyhow::Result<Table> {
    let server = table([
        ("public_listen", public.to_string().into()),
        ("ops_listen", ops.to_string().into()),
        ("public_url", format!("http://{public}").into()),
    ]);
    let database = table([("url", servers.database_url().into())]);
    let mut all = table([
        ("environment", "development".into()),
        ("server", server.into()),
        ("database", database.into()),
        ("kms", servers.kms().into()),
        ("shreds", servers.shreds().into()),
        ("blobs", servers.blobs().into()),
    ]);
    all.extend(
        servers
            .backup()?
            .map(|section| ("backup".to_owned(), section.into())),
    );
    Ok(all)
}

/// A table of these entries.
pub(in crate::commands) fn table<const LENGTH: usize>(entries: [(&str, Value); LENGTH]) -> Table {
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
