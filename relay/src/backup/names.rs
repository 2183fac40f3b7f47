//! The names of the encrypted files.

/// What `pg_dump` wrote.
pub const DUMP: &str = "database.dump.age";
/// What opens the keys of the database.
pub const KEYS: &str = "keys.age";
/// The configuration, without its secrets.
pub const CONFIGURATION: &str = "config.toml.age";
/// Behind a file that was attached.
pub(super) const ENCRYPTED: &str = ".age";
/// Before it.
pub(super) const ATTACHED: &str = "attached-";
