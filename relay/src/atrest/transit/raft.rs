//! Snapshots of OpenBao's own storage: what a backup keeps of the keys.
//!
//! Not with the relay's credential, which can do nothing but encrypt and decrypt: taking one needs the backup job's, putting one
//! back an operator's.

use std::{borrow::Cow, path::PathBuf, time::Duration};

use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};
use url::Url;
use zeroize::Zeroizing;

use super::settings::{SecretSource, TransitCredential};
use crate::outbound;

/// How long one request may take: a snapshot is some kilobytes, seldom megabytes.
const REQUEST_LIMIT: Duration = Duration::from_secs(120);
/// How long a restored OpenBao may take until it serves again.
const SERVING_LIMIT: Duration = Duration::from_secs(60);
/// How long one look may take: while it loads what was restored, it answers nothing.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks whether it serves.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// What it says of a secret id that it knows.
const KNOWN_ALREADY: &str = "already registered";
/// Larger is no snapshot of a key service.
const MAX_BYTES: usize = 256 << 20;

/// Why there is no snapshot, or why it was not put back. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RaftError {
    /// It could not be asked.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The credential is refused.
    #[error("it refuses the credential: {0}")]
    Denied(Cow<'static, str>),
    /// It refused the snapshot.
    #[error(
        "it refused the snapshot ({0}): it has to be unsealed, and with the very seal key that the backup names (wrong seal key?)"
    )]
    Refused(String),
    /// It answered something else.
    #[error("it answered {0}")]
    Unexpected(String),
    /// It does not serve after a restore.
    #[error(
        "it does not serve after the restore: is its audit stanza the same as that of the server that was backed up, and its seal key?"
    )]
    NotServing,
}

/// Who takes snapshots, or puts one back.
pub enum RaftCredential {
    /// The backup job, or an operator who has logged in already.
    Machine(TransitCredential),
    /// An operator by name and password, mounted as `userpass`.
    Password {
        /// The name.
        user: &'static str,
        /// The password.
        password: SecretSource,
    },
}

/// A role of AppRole, whose name is its id as well, and a secret id that is to let it in.
pub struct RoleSecret {
    /// Where AppRole is mounted.
    pub mount: String,
    /// The role.
    pub role: String,
    /// The secret id.
    pub secret_id: SecretSource,
}

/// The snapshots of one OpenBao.
pub struct RaftSnapshots {
    address: Url,
    http: Client,
    credential: RaftCredential,
}

#[derive(Deserialize)]
struct Login {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
}

impl RaftSnapshots {
    /// Asks nothing yet. Blocks on a small local file.
    ///
    /// # Errors
    /// When address or certificate file cannot be used.
    pub fn new(
        address: &Url,
        ca_file: Option<&PathBuf>,
        credential: RaftCredential,
    ) -> Result<Self, RaftError> {
        let http = outbound::client(address, ca_file.map(PathBuf::as_path), REQUEST_LIMIT);
        Ok(Self {
            address: address.clone(),
            http: http.map_err(|why| RaftError::Unexpected(why.into()))?,
            credential,
        })
    }

    /// Takes one.
    ///
    /// # Errors
    /// [`RaftError`].
    pub async fn take(&self) -> Result<Zeroizing<Vec<u8>>, RaftError> {
        let token = self.token().await?;
        let request = self.http.get(self.url("sys/storage/raft/snapshot"));
        let answer = request.header("X-Vault-Token", token.as_str()).send().await;
        let mut answer = accepted(answer.map_err(unreachable)?).await?;
        let mut snapshot = Zeroizing::new(Vec::new());
        while let Some(piece) = answer.chunk().await.map_err(unreachable)? {
            if snapshot.len() + piece.len() > MAX_BYTES {
                return Err(RaftError::Unexpected("more than a snapshot of keys".into()));
            }
            snapshot.extend_from_slice(&piece);
        }
        match snapshot.is_empty() {
            true => Err(RaftError::Unexpected("an empty snapshot".into())),
            false => Ok(snapshot),
        }
    }

    /// Puts one back and waits until it serves: never by force, so that another seal key is refused.
    ///
    /// # Errors
    /// [`RaftError`].
    pub async fn restore(&self, snapshot: &[u8]) -> Result<(), RaftError> {
        let token = self.token().await?;
        let request = self.http.post(self.url("sys/storage/raft/snapshot"));
        let request = request.header("X-Vault-Token", token.as_str());
        let answer = request
            .body(snapshot.to_vec())
            .send()
            .await
            .map_err(unreachable)?;
        match accepted(answer).await {
            Err(RaftError::Unexpected(why)) => return Err(RaftError::Refused(why)),
            answer => answer?,
        };
        self.until_serving().await
    }

    async fn until_serving(&self) -> Result<(), RaftError> {
        let end = Instant::now() + SERVING_LIMIT;
        while Instant::now() < end {
            let health = self
                .http
                .get(self.url("sys/health"))
                .timeout(LOOK_LIMIT)
                .send()
                .await;
            if health.is_ok_and(|health| health.status() == StatusCode::OK) {
                return Ok(());
            }
            sleep(LOOK_AGAIN).await;
        }
        Err(RaftError::NotServing)
    }

    /// Has roles let in by these secret ids, besides those that let them in already: a restored OpenBao knows the ones of the host that
    /// was backed up, and this may be another.
    ///
    /// # Errors
    /// [`RaftError`].
    pub async fn admit(&self, roles: &[RoleSecret]) -> Result<(), RaftError> {
        let token = self.token().await?;
        for RoleSecret {
            mount,
            role,
            secret_id,
        } in roles
        {
            let path = format!("auth/{mount}/role/{role}/custom-secret-id");
            let body = json!({ "secret_id": read(secret_id)?.as_str() });
            let request = self.http.post(self.url(&path)).json(&body);
            let request = request.header("X-Vault-Token", token.as_str());
            match accepted(request.send().await.map_err(unreachable)?).await {
                Err(RaftError::Unexpected(why)) if why.contains(KNOWN_ALREADY) => {}
                answer => drop(answer?),
            }
        }
        Ok(())
    }

    async fn token(&self) -> Result<Zeroizing<String>, RaftError> {
        match &self.credential {
            RaftCredential::Machine(TransitCredential::TokenFile(path)) => {
                read(&SecretSource::File(path.clone()))
            }
            RaftCredential::Machine(TransitCredential::AppRole {
                mount,
                role_id,
                secret_id,
            }) => {
                let secret_id = read(secret_id)?;
                let body = json!({ "role_id": role_id, "secret_id": secret_id.as_str() });
                self.log_in(&format!("auth/{mount}/login"), &body).await
            }
            RaftCredential::Password { user, password } => {
                let body = json!({ "password": read(password)?.as_str() });
                self.log_in(&format!("auth/userpass/login/{user}"), &body).await
            }
        }
    }

    async fn log_in(&self, path: &str, body: &serde_json::Value) -> Result<Zeroizing<String>, RaftError> {
        let request = self.http.post(self.url(path)).json(body);
        match accepted(request.send().await.map_err(unreachable)?).await {
            Err(RaftError::Unexpected(_)) => Err(RaftError::Denied("the login failed".into())),
            answer => {
                let login: Login = answer?.json().await.map_err(unreachable)?;
                Ok(Zeroizing::new(login.auth.client_token))
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.address.as_str().trim_end_matches('/'))
    }
}

fn read(secret: &SecretSource) -> Result<Zeroizing<String>, RaftError> {
    let secret = secret.read();
    secret.map_err(|_| RaftError::Denied("the secret's file cannot be used".into()))
}

/// An answer that says yes.
async fn accepted(answer: Response) -> Result<Response, RaftError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    let text: String = text
        .chars()
        .filter(|letter| !letter.is_control())
        .take(200)
        .collect();
    Err(match status {
        StatusCode::FORBIDDEN => RaftError::Denied("403".into()),
        status => RaftError::Unexpected(format!("{} {text}", status.as_u16())),
    })
}

fn unreachable(error: reqwest::Error) -> RaftError {
    RaftError::Unreachable(error.without_url().to_string())
}
