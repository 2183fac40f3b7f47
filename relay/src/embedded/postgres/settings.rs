//! The server's settings, given on its command line at every start, so that a newer relay brings newer settings.

use std::path::Path;

use super::PostgresOptions;

/// Neither statements nor values reach the log: an error's detail would quote the row.
const ALWAYS: &[&str] = &[
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "port=5432",
    "timezone=UTC",
    "log_timezone=UTC",
    "shared_buffers=128MB",
    "min_wal_size=512MB",
    "max_wal_size=2GB",
    "log_checkpoints=off",
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
    "log_statement=none",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
];

/// `-c name=value` pairs.
pub(super) fn arguments(socket_folder: &Path, options: &PostgresOptions) -> Vec<String> {
    let durable = if options.durable { "on" } else { "off" };
    let chosen = [
        format!("unix_socket_directories={}", socket_folder.display()),
        format!("max_connections={}", options.max_connections),
        format!("fsync={durable}"),
        format!("synchronous_commit={durable}"),
        format!("full_page_writes={durable}"),
    ];
    let all = ALWAYS.iter().map(|setting| (*setting).to_owned()).chain(chosen);
    all.flat_map(|setting| ["-c".to_owned(), setting]).collect()
}
