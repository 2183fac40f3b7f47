//! What an operator decides about OpenBao.

use std::{fs::File, io::Read, path::PathBuf, time::Duration};

use url::Url;
use zeroize::Zeroizing;

use crate::atrest::key_wrapper::KeyWrapError;

/// No credential is longer; whatever is, is a wrong file.
const SECRET_MAX_BYTES: u64 = 4096;

/// Where OpenBao is and which key of it to use.
pub struct TransitSettings {
    /// Where it listens, such as `https://openbao:8200`.
    pub address: Url,
    /// A file with the certificate authority (PEM) that alone is trusted; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// Where Transit is mounted, by convention `transit`.
    pub mount: String,
    /// The name of the Transit key, by convention `relay-atrest`.
    pub key_name: String,
    /// What the relay shows.
    pub credential: TransitCredential,
    /// How long one request may take.
    pub request_timeout: Duration,
}

/// What the relay shows to be let in.
pub enum TransitCredential {
    /// Logs in for a token, and again whenever that is refused.
    AppRole {
        /// Where AppRole is mounted, by convention `approle`.
        mount: String,
        /// The role's public name.
        role_id: String,
        /// The role's secret.
        secret_id: SecretSource,
    },
    /// A token that someone else puts, and replaces, in a file.
    TokenFile(PathBuf),
}

/// Where a secret text comes from. It has no `Debug`.
pub enum SecretSource {
    /// The secret itself.
    Value(Zeroizing<String>),
    /// A file, read each time, so that a replaced secret is found without a restart.
    File(PathBuf),
}

impl SecretSource {
    /// The secret, without white space around it.
    ///
    /// # Errors
    /// [`KeyWrapError::Denied`] when there is no usable secret. Blocks on a small local file.
    pub(super) fn read(&self) -> Result<Zeroizing<String>, KeyWrapError> {
        match self {
            Self::Value(secret) => usable(secret),
            Self::File(path) => {
                let file = File::open(path).map_err(|_| refused("the secret's file cannot be opened"))?;
                read_secret(file)
            }
        }
    }
}

fn read_secret(file: File) -> Result<Zeroizing<String>, KeyWrapError> {
    let mut content = Zeroizing::new(String::with_capacity(SECRET_MAX_BYTES as usize));
    let length = file.take(SECRET_MAX_BYTES).read_to_string(&mut content);
    length.map_err(|_| refused("the secret's file cannot be read"))?;
    usable(&content)
}

/// A token travels in a header, which takes visible ASCII only.
fn usable(secret: &str) -> Result<Zeroizing<String>, KeyWrapError> {
    let secret = secret.trim();
    match !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Zeroizing::new(secret.to_owned())),
        false => Err(refused("the secret is empty or not plain text")),
    }
}

fn refused(why: &'static str) -> KeyWrapError {
    KeyWrapError::Denied(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(secret: &str) -> Result<String, KeyWrapError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, secret).unwrap();
        let from_file = SecretSource::File(path).read();
        let from_value = SecretSource::Value(Zeroizing::new(secret.to_owned())).read();
        assert_eq!(from_file, from_value);
        from_value.map(|secret| secret.to_string())
    }

    #[test]
    fn white_space_around_a_secret_is_not_part_of_it() {
        assert_eq!(read("  s.secret\r\n").as_deref(), Ok("s.secret"));
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        for wrong in ["", "\n", "two words", "two\nlines", "schlüssel", "nul\0"] {
            assert!(matches!(read(wrong), Err(KeyWrapError::Denied(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_missing_file_is_refused() {
        let missing = SecretSource::File(PathBuf::from("/nonexistent/secret"));
        assert!(matches!(missing.read(), Err(KeyWrapError::Denied(_))));
    }
}
