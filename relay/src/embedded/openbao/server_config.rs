//! The server's configuration file and the names in it.

use std::net::SocketAddr;

/// Names inside the server's folder, as `server.hcl` has them too.
pub(super) const FILE: &str = "server.hcl";
pub(super) const DATA_FOLDER: &str = "data";
pub(super) const SEAL_KEY_FILE: &str = "seal.key";
pub(super) const SECRET_ID_FILE: &str = "relay-secret-id";
pub(super) const BACKUP_SECRET_ID_FILE: &str = "backup-secret-id";
pub(super) const OPERATOR_PASSWORD_FILE: &str = "operator-password";
pub(super) const OPERATOR_POLICY_FILE: &str = "operator.policy.hcl";
/// The AppRole id of the relay.
pub(super) const ROLE_ID: &str = "relay";
/// The AppRole id of who takes snapshots.
pub(super) const BACKUP_ROLE_ID: &str = "backup";
/// The name of the seal key.
pub(super) const SEAL_KEY_ID: &str = "embedded-1";

/// The configuration for a server that listens at `address`. A socket address needs no quoting.
pub(super) fn render(address: SocketAddr) -> String {
    include_str!("server.hcl").replace("@ADDRESS@", &address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_in_the_configuration() {
        let config = render(SocketAddr::from(([127, 0, 0, 1], 8200)));
        let files = [
            DATA_FOLDER,
            SEAL_KEY_FILE,
            SECRET_ID_FILE,
            BACKUP_SECRET_ID_FILE,
            OPERATOR_PASSWORD_FILE,
            OPERATOR_POLICY_FILE,
        ];
        for name in files
            .into_iter()
            .chain([ROLE_ID, BACKUP_ROLE_ID, SEAL_KEY_ID, "127.0.0.1:8200"])
        {
            assert!(config.contains(name), "{name}");
        }
        assert!(!config.contains('@'));
    }
}
