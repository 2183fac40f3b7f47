//! The client's half. The steps named `finish` run Argon2id (64 MiB or more): keep them off async threads.

use opaque_ke::{
    ClientLoginFinishParameters, ClientRegistrationFinishParameters, CredentialResponse, Identifiers,
    RegistrationResponse,
};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, expect_length, expect_passphrase};
use crate::ksf::CheckedKsf;
use crate::secret::{ExportKey, SessionKey};
use crate::sizes;
use crate::suite::{Stretch, Suite, random_source};

/// A registration between its two messages. Used once.
pub struct ClientRegistration {
    state: opaque_ke::ClientRegistration<Suite>,
}

/// What a finished registration gives the client.
pub struct Registered {
    /// For the server, [`sizes::REGISTRATION_UPLOAD`] bytes; as sensitive as a password hash.
    pub upload: Zeroizing<Vec<u8>>,
    /// For the keystore's passphrase slot.
    pub export_key: ExportKey,
    /// The server's static key: pin it.
    pub server_public_key: [u8; sizes::SERVER_PUBLIC_KEY],
}

impl ClientRegistration {
    /// Blinds `passphrase`; returns the state to keep and the request to send.
    ///
    /// # Errors
    /// [`Error::PassphraseLength`] for a passphrase that is empty or too long.
    pub fn start(passphrase: &[u8]) -> Result<(Self, Vec<u8>), Error> {
        expect_passphrase(passphrase)?;
        let started = opaque_ke::ClientRegistration::<Suite>::start(&mut random_source(), passphrase)
            .map_err(|error| Error::from_library("passphrase", error))?;
        let request = started.message.serialize().to_vec();
        Ok((Self { state: started.state }, request))
    }

    /// Stretches the passphrase and seals the client's key pair into the upload.
    ///
    /// # Errors
    /// [`Error::Malformed`] when `response` is not a registration response.
    pub fn finish(self, passphrase: &[u8], response: &[u8], ksf: CheckedKsf) -> Result<Registered, Error> {
        const WHAT: &str = "registration response";
        expect_length(WHAT, response, sizes::REGISTRATION_RESPONSE)?;
        let response =
            RegistrationResponse::<Suite>::deserialize(response).map_err(|_| Error::Malformed(WHAT))?;
        let stretch = Stretch::from(ksf);
        let parameters = ClientRegistrationFinishParameters::new(Identifiers::default(), Some(&stretch));
        let mut finished = self
            .state
            .finish(&mut random_source(), passphrase, response, parameters)
            .map_err(|error| Error::from_library(WHAT, error))?;
        let export_key = ExportKey::from_slice(&finished.export_key);
        finished.export_key.as_mut_slice().zeroize();
        Ok(Registered {
            upload: Zeroizing::new(finished.message.serialize().to_vec()),
            export_key,
            server_public_key: finished.server_s_pk.serialize().into(),
        })
    }
}

/// A login between its two messages. Used once.
pub struct ClientLogin {
    state: opaque_ke::ClientLogin<Suite>,
}

/// What a finished login gives the client. The server has not confirmed it yet.
pub struct LoggedIn {
    /// For the server, [`sizes::LOGIN_FINALIZATION`] bytes.
    pub finalization: Vec<u8>,
    /// The same key as at registration.
    pub export_key: ExportKey,
    /// Shared with the server for this login only.
    pub session_key: SessionKey,
    /// The server's static key: compare it with the pinned one before anything else.
    pub server_public_key: [u8; sizes::SERVER_PUBLIC_KEY],
}

impl ClientLogin {
    /// Blinds `passphrase`; returns the state to keep and the request to send.
    ///
    /// # Errors
    /// [`Error::PassphraseLength`] for a passphrase that is empty or too long.
    pub fn start(passphrase: &[u8]) -> Result<(Self, Vec<u8>), Error> {
        expect_passphrase(passphrase)?;
        let started = opaque_ke::ClientLogin::<Suite>::start(&mut random_source(), passphrase)
            .map_err(|error| Error::from_library("passphrase", error))?;
        let request = started.message.serialize().to_vec();
        Ok((Self { state: started.state }, request))
    }

    /// Stretches the passphrase, opens the envelope and proves both to the server.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for a wrong passphrase, an unknown user or another server;
    /// [`Error::Malformed`] when `response` is not a login response.
    pub fn finish(self, passphrase: &[u8], response: &[u8], ksf: CheckedKsf) -> Result<LoggedIn, Error> {
        const WHAT: &str = "login response";
        expect_length(WHAT, response, sizes::LOGIN_RESPONSE)?;
        let response =
            CredentialResponse::<Suite>::deserialize(response).map_err(|_| Error::Malformed(WHAT))?;
        let stretch = Stretch::from(ksf);
        let parameters = ClientLoginFinishParameters::new(None, Identifiers::default(), Some(&stretch));
        let mut finished = self
            .state
            .finish(&mut random_source(), passphrase, response, parameters)
            .map_err(|error| Error::from_library(WHAT, error))?;
        let export_key = ExportKey::from_slice(&finished.export_key);
        let session_key = SessionKey::from_slice(&finished.session_key);
        finished.export_key.as_mut_slice().zeroize();
        finished.session_key.as_mut_slice().zeroize();
        Ok(LoggedIn {
            finalization: finished.message.serialize().to_vec(),
            export_key,
            session_key,
            server_public_key: finished.server_s_pk.serialize().into(),
        })
    }
}
