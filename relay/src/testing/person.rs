use std::sync::Arc;

use ed25519_dalek::SigningKey;
use sealpost_opaque::{ClientLogin, ClientRegistration, KsfParameters};
use sealpost_protocol::{
    canonical::encode,
    http::{
        self, Base64Bytes, LoggedIn, LoginFinish, LoginStart, RecoveryLoginFinish, RecoveryLoginStart,
        RegistrationFinish, RegistrationStart, SecretToken,
    },
    keys::PublicKey,
    limits,
    manifest::Manifest,
    recovery::sign_recovery_login,
    wire::PrincipalKind,
};

use super::directory::{ADDRESS, ORIGIN};
use crate::directory::{AuthenticatedSession, Directory, DirectoryError};

/// Somebody with a client: the client's half of everything, as plainly as it goes.
pub struct Person {
    pub handle: &'static str,
    pub passphrase: &'static str,
    pub recovery_key: SigningKey,
    pub principal_key: SigningKey,
}

impl Person {
    /// Alice, as everybody knows her.
    pub fn alice() -> Self {
        Self::new("alice", 1)
    }

    /// Bob.
    pub fn bob() -> Self {
        Self::new("bob", 2)
    }

    /// Somebody whose keys derive from `seed`.
    pub fn new(handle: &'static str, seed: u8) -> Self {
        Self {
            handle,
            passphrase: "correct horse battery staple",
            recovery_key: SigningKey::from_bytes(&[seed; 32]),
            principal_key: SigningKey::from_bytes(&[seed + 100; 32]),
        }
    }

    /// What the keystore of this person looks like to the relay.
    pub fn keystore(&self) -> Base64Bytes {
        format!("sealed keystore of {}", self.handle).into_bytes().into()
    }

    pub fn recovery_login_key(&self) -> Base64Bytes {
        PublicKey::of(&self.recovery_key).as_bytes().to_vec().into()
    }

    pub fn manifest(&self) -> Manifest {
        let key = PublicKey::of(&self.principal_key);
        Manifest::new(PrincipalKind::Human, &key, &[3; limits::HPKE_KEY]).unwrap()
    }

    pub fn signed_manifest(&self) -> Base64Bytes {
        encode(&self.manifest().sign(&self.principal_key)).to_vec().into()
    }

    /// First message of a registration, and what the client keeps.
    pub fn registration_start(&self, token: Option<SecretToken>) -> (ClientRegistration, RegistrationStart) {
        let (client, request) = ClientRegistration::start(self.passphrase.as_bytes()).unwrap();
        let handle = self.handle.to_owned();
        (
            client,
            RegistrationStart {
                registration_token: token,
                handle,
                registration_request: request.into(),
            },
        )
    }

    /// Second message of a registration.
    pub fn registration_finish(
        &self,
        client: ClientRegistration,
        started: &http::RegistrationStarted,
    ) -> RegistrationFinish {
        let ksf = checked(started.ksf);
        let response = &started.registration_response.0;
        let registered = client.finish(self.passphrase.as_bytes(), response, ksf).unwrap();
        RegistrationFinish {
            registration_id: started.registration_id.clone(),
            registration_upload: registered.upload.to_vec().into(),
            keystore: self.keystore(),
            recovery_login_key: self.recovery_login_key(),
            signed_manifest: self.signed_manifest(),
            device_name: "first device".into(),
        }
    }

    /// The whole registration.
    pub async fn register(
        &self,
        directory: &Directory,
        token: Option<SecretToken>,
    ) -> Result<LoggedIn, DirectoryError> {
        let (client, request) = self.registration_start(token);
        let started = directory.start_registration(ADDRESS, &request).await?;
        directory
            .finish_registration(ADDRESS, self.registration_finish(client, &started))
            .await
    }

    /// The whole login with a passphrase.
    pub async fn log_in(&self, directory: &Directory) -> Result<LoggedIn, DirectoryError> {
        let (client, request) = self.login_start();
        let started = directory.start_login(ADDRESS, &request).await?;
        directory
            .finish_login(ADDRESS, self.login_finish(client, &started))
            .await
    }

    /// First message of a login, and what the client keeps.
    pub fn login_start(&self) -> (ClientLogin, LoginStart) {
        let (client, request) = ClientLogin::start(self.passphrase.as_bytes()).unwrap();
        (
            client,
            LoginStart {
                handle: self.handle.to_owned(),
                credential_request: request.into(),
            },
        )
    }

    /// Second message of a login; with a made-up proof if the passphrase is wrong.
    pub fn login_finish(&self, client: ClientLogin, started: &http::LoginStarted) -> LoginFinish {
        let (ksf, response) = (checked(started.ksf), &started.credential_response.0);
        let logged_in = client.finish(self.passphrase.as_bytes(), response, ksf);
        let finalization = logged_in.map_or(vec![7; 64], |logged_in| logged_in.finalization);
        LoginFinish {
            login_id: started.login_id.clone(),
            credential_finalization: finalization.into(),
            device_name: "second device".into(),
        }
    }

    /// The whole login with a recovery code.
    pub async fn log_in_by_recovery_code(&self, directory: &Directory) -> Result<LoggedIn, DirectoryError> {
        let request = RecoveryLoginStart {
            recovery_login_key: self.recovery_login_key(),
        };
        let started = directory.start_recovery_login(ADDRESS, &request).await?;
        directory
            .finish_recovery_login(ADDRESS, self.recovery_login_finish(&started))
            .await
    }

    /// Second message of a login with a recovery code.
    pub fn recovery_login_finish(&self, started: &http::RecoveryLoginStarted) -> RecoveryLoginFinish {
        let signature = sign_recovery_login(&self.recovery_key, ORIGIN, &started.challenge.0);
        RecoveryLoginFinish {
            login_id: started.login_id.clone(),
            signature: signature.to_vec().into(),
            device_name: "third device".into(),
        }
    }
}

/// Registers with a fresh token and authenticates.
pub async fn registered(test: &super::TestDirectory, person: &Person) -> AuthenticatedSession {
    let logged_in = person
        .register(&test.directory, Some(test.token().await))
        .await
        .unwrap();
    authenticate(&test.directory, &logged_in).await
}

/// The session of a login.
pub async fn authenticate(directory: &Arc<Directory>, logged_in: &LoggedIn) -> AuthenticatedSession {
    directory
        .authenticate(ADDRESS, &logged_in.session_token)
        .await
        .unwrap()
}

/// The announced parameters, if a client accepts them.
pub fn checked(announced: http::KsfParameters) -> sealpost_opaque::CheckedKsf {
    let http::KsfParameters { m_kib, t, p } = announced;
    KsfParameters { m_kib, t, p }.check().unwrap()
}
