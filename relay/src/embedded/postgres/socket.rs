//! Where the socket lies, and the URL that names it.

use std::{
    env, fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};

use super::super::EmbeddedError;

/// The longest path of a unix socket, in bytes (`sun_path` of `unix(7)`, without its end mark).
const LONGEST_SOCKET_PATH: usize = 107;
/// The name Postgres gives its socket, for port 5432.
const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// A folder for the socket: `run` in ours, else one whose path is short and plain, the same at every start.
pub(super) fn folder(folder: &Path) -> PathBuf {
    let name = format!(
        "sealpost-{}",
        hex::encode(&Sha256::digest(folder.as_os_str().as_bytes())[..8])
    );
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(|runtime| Path::new(&runtime).join(&name));
    let candidates = [Some(folder.join("run")), runtime];
    candidates
        .into_iter()
        .flatten()
        .find(|path| fits(path))
        .unwrap_or_else(|| Path::new("/tmp").join(name))
}

/// Whether the path is short enough for a socket, and needs no quotes in Postgres's settings or in a URL.
fn fits(folder: &Path) -> bool {
    let bytes = folder.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    folder.is_absolute()
        && folder.join(SOCKET_NAME).as_os_str().len() <= LONGEST_SOCKET_PATH
        && bytes.iter().all(plain)
}

/// Refuses a folder that somebody else made: in a shared place such as `/tmp` its name can be guessed.
///
/// As root we may have given it to another user, who is as unprivileged as Postgres is.
pub(super) fn must_be_ours(folder: &Path) -> Result<(), EmbeddedError> {
    let found = fs::symlink_metadata(folder).map_err(EmbeddedError::file("look at", folder))?;
    let ours = found.uid() == geteuid().as_raw() || found.uid() == super::account::unprivileged()?.user;
    if found.is_dir() && ours && found.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(EmbeddedError::NotPrivate {
        path: folder.to_owned(),
    })
}

/// The socket itself.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(SOCKET_NAME)
}

/// A URL that sqlx, tokio-postgres and `psql` all read the same way.
pub(super) fn url(folder: &Path, user: &str, database: &str) -> String {
    format!("postgres:///{database}?host={}&user={user}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_folder_keeps_its_socket_inside() {
        assert_eq!(
            folder(Path::new("/srv/data/postgres")),
            Path::new("/srv/data/postgres/run")
        );
    }

    #[test]
    fn a_long_folder_gets_a_short_socket_folder_that_never_changes() {
        let long = PathBuf::from(format!("/srv/{}", "long/".repeat(40)));
        assert_eq!(folder(&long), folder(&long));
        assert!(fits(&folder(&long)));
    }

    #[test]
    fn a_folder_with_a_comma_or_a_space_is_not_named_in_settings() {
        assert!(!folder(Path::new("/srv/a,b c")).starts_with("/srv"));
    }

    #[test]
    fn the_longest_path_that_fits_is_107_bytes_with_the_socket() {
        let exact = LONGEST_SOCKET_PATH - SOCKET_NAME.len() - 2;
        assert!(fits(Path::new(&format!("/{}", "a".repeat(exact)))));
        assert!(!fits(Path::new(&format!("/{}", "a".repeat(exact + 1)))));
    }
}
