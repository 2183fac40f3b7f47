//! People who have registered at the relay, as plainly as it goes: a client that holds its keys and can sign ahead, which the
//! SDK does not let anybody do.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Client;
use sealpost_opaque::{ClientRegistration, KsfParameters};
use sealpost_protocol::{
    canonical::encode,
    http::{self, LoggedIn, RegistrationFinish, RegistrationStart, RegistrationStarted, paths},
    ids::{PrincipalId, SessionId, WriterId},
    keys::PublicKey,
    limits,
    manifest::Manifest,
    socket::SocketProof,
    wire::{self, PrincipalKind},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{parts::ORIGIN, socket::random};

/// Nobody logs in with it: each person has one session, that of the registration.
const PASSPHRASE: &[u8] = b"the passphrase of a load generator";
/// Registrations at once. Each stretches a passphrase in 64 MiB.
const AT_ONCE: usize = 2;

/// Somebody with a key, a session, and as many installs as wanted.
pub struct Person {
    /// Signs everything.
    pub key: SigningKey,
    /// The public half.
    pub manifest: Manifest,
    session_id: SessionId,
    session_token: Bytes,
}

/// Registers people named after `group`.
pub async fn register_all(relay: SocketAddr, group: &str, count: usize) -> Result<Vec<Person>> {
    let client = sealpost_tests::relay::http();
    stream::iter(0..count)
        .map(|number| Person::register(&client, relay, format!("{group}-{number}")))
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

impl Person {
    async fn register(client: &Client, relay: SocketAddr, handle: String) -> Result<Self> {
        let (registration, request) = ClientRegistration::start(PASSPHRASE)?;
        let start = RegistrationStart {
            registration_token: None,
            handle,
            registration_request: request.into(),
        };
        let started: RegistrationStarted = post(client, relay, paths::REGISTRATION_START, &start).await?;
        let key = SigningKey::from_bytes(&random());
        // No space of this program seals anything to it.
        let manifest = Manifest::new(PrincipalKind::Human, &PublicKey::of(&key), &[3; limits::HPKE_KEY])?;
        let finish = finish(registration, started, &key, &manifest).await?;
        let logged_in: LoggedIn = post(client, relay, paths::REGISTRATION_FINISH, &finish).await?;
        Ok(Self {
            key,
            manifest,
            session_id: logged_in.session.session_id,
            session_token: Bytes::copy_from_slice(logged_in.session_token.expose_bytes()),
        })
    }

    /// Who it is in a space.
    #[must_use]
    pub fn id(&self) -> PrincipalId {
        self.manifest.id()
    }

    /// The answer to a relay's challenge, from the install `writer_id`.
    #[must_use]
    pub fn prove(&self, nonce: &[u8], writer_id: &WriterId) -> wire::Authenticate {
        let principal_id = self.id();
        let proof = SocketProof {
            origin: ORIGIN,
            nonce,
            principal_id: &principal_id,
            session_id: &self.session_id,
            writer_id,
        };
        wire::Authenticate {
            session_token: self.session_token.clone(),
            session_id: self.session_id.to_bytes(),
            principal_id: principal_id.to_bytes(),
            writer_id: writer_id.to_bytes(),
            signature: Bytes::copy_from_slice(&proof.sign(&self.key)),
        }
    }
}

async fn finish(
    registration: ClientRegistration,
    started: RegistrationStarted,
    key: &SigningKey,
    manifest: &Manifest,
) -> Result<RegistrationFinish> {
    let http::KsfParameters { m_kib, t, p } = started.ksf;
    let ksf = KsfParameters { m_kib, t, p }.check()?;
    let response = started.registration_response.0;
    let stretch = move || registration.finish(PASSPHRASE, &response, ksf);
    let registered = tokio::task::spawn_blocking(stretch).await??;
    Ok(RegistrationFinish {
        registration_id: started.registration_id,
        registration_upload: registered.upload.to_vec().into(),
        keystore: b"a keystore of nothing".to_vec().into(),
        recovery_login_key: PublicKey::of(&SigningKey::from_bytes(&random()))
            .as_bytes()
            .to_vec()
            .into(),
        signed_manifest: encode(&manifest.sign(key)).to_vec().into(),
        device_name: "load generator".to_owned(),
    })
}

async fn post<T: DeserializeOwned>(
    client: &Client,
    relay: SocketAddr,
    path: &str,
    body: &impl Serialize,
) -> Result<T> {
    let answer = client
        .post(format!("http://{relay}{path}"))
        .json(body)
        .send()
        .await?;
    let (status, text) = (answer.status(), answer.text().await?);
    serde_json::from_str(&text).with_context(|| format!("{path}: {status}: {text}"))
}
