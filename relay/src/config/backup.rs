//! `[backup]`: how backups of this relay are made.

use std::path::PathBuf;

use serde::Deserialize;

use super::{
    error::Problems,
    secret::{Secret, SecretText},
};

/// `[backup]`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupConfig {
    /// The folder of the backups, where no other is named. `/metrics` then shows how old the newest is.
    pub folder: Option<PathBuf>,
    /// Public halves of age identities: who can open the backups.
    pub recipients: Vec<String>,
    /// The folder with `pg_dump` and `pg_restore`; else those of `PATH`.
    pub programs: Option<PathBuf>,
    /// `current_key_id` of the seal of OpenBao.
    pub seal_key_id: Option<String>,
    /// SHA-256 of that key, in hexadecimal. The key itself is in no backup.
    pub seal_key_sha256: Option<String>,
    /// How a snapshot of OpenBao is taken, which the relay's own credential cannot do.
    pub openbao: Option<BackupOpenBaoConfig>,
}

/// `[backup.openbao]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupOpenBaoConfig {
    /// The AppRole role id; with it belongs a secret id.
    pub role_id: Option<String>,
    secret_id: Option<SecretText>,
    secret_id_file: Option<PathBuf>,
    /// A file with a token that somebody else renews, instead of AppRole.
    pub token_file: Option<PathBuf>,
}

impl BackupConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        let both = self.seal_key_id.is_some() == self.seal_key_sha256.is_some();
        problems.demand(
            both,
            "backup.seal_key_id",
            "belongs with seal_key_sha256, and the other way round",
        );
        let is_hash = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        problems.demand(
            self.seal_key_sha256.as_ref().is_none_or(is_hash),
            "backup.seal_key_sha256",
            "must be 64 hexadecimal digits, as sha256sum prints them",
        );
        let is_recipient = |text: &String| text.starts_with("age1");
        problems.demand(
            self.recipients.iter().all(is_recipient),
            "backup.recipients",
            "must be public halves of age identities: they begin with age1",
        );
        if let Some(openbao) = &self.openbao {
            openbao.check(problems);
        }
    }
}

impl BackupOpenBaoConfig {
    /// The AppRole secret id, if AppRole is used.
    #[must_use]
    pub fn secret_id(&self) -> Option<Secret> {
        Secret::either(self.secret_id.as_ref(), self.secret_id_file.as_ref())
    }

    /// A relay that serves need not be able to read what the backup job uses, so the files are not looked at here.
    fn check(&self, problems: &mut Problems) {
        let app_role = self.role_id.is_some() && self.secret_id().is_some();
        let any_of_app_role =
            self.role_id.is_some() || self.secret_id.is_some() || self.secret_id_file.is_some();
        let one = if self.token_file.is_some() {
            !any_of_app_role
        } else {
            app_role
        };
        problems.demand(
            one,
            "backup.openbao",
            "give either role_id with a secret_id, or token_file",
        );
    }
}
