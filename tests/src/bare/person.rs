//! Somebody who has registered, with keys and session in hand.

use std::net::SocketAddr;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use sealpost_opaque::{ClientRegistration, KsfParameters};
use sealpost_protocol::{
    canonical::encode,
    http::{
        KsfParameters as Announced, LoggedIn, RegistrationFinish, RegistrationStart, RegistrationStarted,
        paths,
    },
    ids::{PrincipalId, SessionId, WriterId},
    keys::PublicKey,
    limits,
    manifest::Manifest,
    socket::SocketProof,
    wire::{self, PrincipalKind},
};

use super::{ORIGIN, random};

/// Nobody logs in with it again.
const PASSPHRASE: &[u8] = b"a passphrase that is used once";

/// Somebody with a key and a session, at one install.
#[derive(Clone)]
pub struct Person {
    /// Signs everything.
    pub key: SigningKey,
    /// The public half.
    pub manifest: Manifest,
    /// The install.
    pub writer_id: WriterId,
    /// As text, for HTTP.
    pub bearer: String,
    handle: String,
    session_id: SessionId,
    session_token: Bytes,
}

impl Person {
    /// Registers at a relay that takes anybody in.
    pub async fn register(relay: SocketAddr, handle: &str) -> Self {
        let (registration, request) = ClientRegistration::start(PASSPHRASE).unwrap();
        let start = RegistrationStart {
            registration_token: None,
            handle: handle.to_owned(),
            registration_request: request.into(),
        };
        let http = crate::relay::http();
        let post = async |path: &str, body: String| {
            let request = http.post(format!("http://{relay}{path}")).body(body);
            let request = request.header("content-type", "application/json");
            request.send().await.unwrap().text().await.unwrap()
        };
        let body = serde_json::to_string(&start).unwrap();
        let text = post(paths::REGISTRATION_START, body).await;
        let started: RegistrationStarted = serde_json::from_str(&text).expect(&text);
        let key = SigningKey::from_bytes(&random());
        // Nobody seals anything to it.
        let signing = PublicKey::of(&key);
        let manifest = Manifest::new(PrincipalKind::Human, &signing, &[3; limits::HPKE_KEY]).unwrap();
        let finish = finish(registration, started, &key, &manifest).await;
        let text = post(
            paths::REGISTRATION_FINISH,
            serde_json::to_string(&finish).unwrap(),
        )
        .await;
        let logged_in: LoggedIn = serde_json::from_str(&text).expect(&text);
        Self {
            key,
            manifest,
            writer_id: WriterId::new(random()),
            bearer: logged_in.session_token.expose_text().to_string(),
            handle: handle.to_owned(),
            session_id: logged_in.session.session_id,
            session_token: Bytes::copy_from_slice(logged_in.session_token.expose_bytes()),
        }
    }

    /// The same person at another install, which has written nothing yet.
    #[must_use]
    pub fn at_another_install(&self) -> Self {
        Self {
            writer_id: WriterId::new(random()),
            ..self.clone()
        }
    }

    /// Who it is in a space.
    #[must_use]
    pub fn id(&self) -> PrincipalId {
        self.manifest.id()
    }

    /// Who it is to people.
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.handle
    }

    /// The honest answer to a challenge.
    #[must_use]
    pub fn prove(&self, nonce: &[u8]) -> wire::Authenticate {
        let principal_id = self.id();
        let proof = SocketProof {
            origin: ORIGIN,
            nonce,
            principal_id: &principal_id,
            session_id: &self.session_id,
            writer_id: &self.writer_id,
        };
        wire::Authenticate {
            session_token: self.session_token.clone(),
            session_id: self.session_id.to_bytes(),
            principal_id: principal_id.to_bytes(),
            writer_id: self.writer_id.to_bytes(),
            signature: Bytes::copy_from_slice(&proof.sign(&self.key)),
        }
    }
}

async fn finish(
    registration: ClientRegistration,
    started: RegistrationStarted,
    key: &SigningKey,
    manifest: &Manifest,
) -> RegistrationFinish {
    let Announced { m_kib, t, p } = started.ksf;
    let ksf = KsfParameters { m_kib, t, p }.check().unwrap();
    let response = started.registration_response.0;
    let stretch = move || registration.finish(PASSPHRASE, &response, ksf).unwrap();
    let registered = tokio::task::spawn_blocking(stretch).await.unwrap();
    let recovery = PublicKey::of(&SigningKey::from_bytes(&random()));
    RegistrationFinish {
        registration_id: started.registration_id,
        registration_upload: registered.upload.to_vec().into(),
        keystore: b"a keystore of nothing".to_vec().into(),
        recovery_login_key: recovery.as_bytes().to_vec().into(),
        signed_manifest: encode(&manifest.sign(key)).to_vec().into(),
        device_name: "bare".to_owned(),
    }
}
