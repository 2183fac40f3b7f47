//! The server's half. It never stretches: a login costs it about a third of a millisecond.

use opaque_ke::{
    CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload, ServerLogin,
    ServerLoginParameters, ServerRegistration,
};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, expect_length};
use crate::secret::SessionKey;
use crate::sizes;
use crate::suite::{Suite, random_source};

/// The server's long-lived secrets. Losing them locks every account out; so they are sealed and kept.
pub struct ServerSetup(opaque_ke::ServerSetup<Suite>);

/// What the server keeps of one registered client, [`sizes::RECORD`] bytes; wiped on drop. With the
/// [`ServerSetup`] it allows guessing at Argon2id speed, so it is stored sealed.
pub struct Record(Zeroizing<Vec<u8>>);

/// What the server keeps between the two messages of one login. Used once, with a deadline.
pub struct LoginState(ServerLogin<Suite>);

impl ServerSetup {
    /// Draws new secrets.
    #[must_use]
    pub fn generate() -> Self {
        Self(opaque_ke::ServerSetup::new(&mut random_source()))
    }

    /// Reads what [`Self::serialize`] wrote.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless it is that, to the byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "server setup";
        expect_length(WHAT, bytes, sizes::SERVER_SETUP)?;
        opaque_ke::ServerSetup::deserialize(bytes)
            .map(Self)
            .map_err(|_| Error::Malformed(WHAT))
    }

    /// The secrets as [`sizes::SERVER_SETUP`] bytes, to be sealed at once.
    #[must_use]
    pub fn serialize(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = self.0.serialize();
        let copy = Zeroizing::new(bytes.to_vec());
        bytes.as_mut_slice().zeroize();
        copy
    }

    /// The static public key that clients pin.
    #[must_use]
    pub fn public_key(&self) -> [u8; sizes::SERVER_PUBLIC_KEY] {
        self.0.keypair().public().serialize().into()
    }

    /// Answers a registration request for the account named by `credential_identifier`, which must never
    /// change for that account and never be used for another.
    ///
    /// # Errors
    /// [`Error::Malformed`] when `request` is not a registration request.
    pub fn answer_registration(
        &self,
        request: &[u8],
        credential_identifier: &[u8],
    ) -> Result<Vec<u8>, Error> {
        const WHAT: &str = "registration request";
        expect_length(WHAT, request, sizes::REGISTRATION_REQUEST)?;
        let request =
            RegistrationRequest::<Suite>::deserialize(request).map_err(|_| Error::Malformed(WHAT))?;
        let started = ServerRegistration::start(&self.0, request, credential_identifier)
            .map_err(|error| Error::from_library(WHAT, error))?;
        Ok(started.message.serialize().to_vec())
    }

    /// Answers a login request. Without a record the answer is a fake that no client can tell from a real
    /// one; give it an identifier that is a keyed hash of what was asked for, so that it stays the same.
    ///
    /// # Errors
    /// [`Error::Malformed`] when `request` is not a login request.
    pub fn start_login(
        &self,
        record: Option<&Record>,
        request: &[u8],
        credential_identifier: &[u8],
    ) -> Result<(LoginState, Vec<u8>), Error> {
        const WHAT: &str = "login request";
        expect_length(WHAT, request, sizes::LOGIN_REQUEST)?;
        let request = CredentialRequest::<Suite>::deserialize(request).map_err(|_| Error::Malformed(WHAT))?;
        // Parsed in either case: decompressing a point takes microseconds that would show.
        let parsed = record.unwrap_or(&self.stand_in()).to_library()?;
        let started = ServerLogin::start(
            &mut random_source(),
            &self.0,
            record.is_some().then_some(parsed),
            request,
            credential_identifier,
            ServerLoginParameters::default(),
        )
        .map_err(|error| Error::from_library(WHAT, error))?;
        let response = started.message.serialize().to_vec();
        Ok((LoginState(started.state), response))
    }

    /// A record that parses and belongs to nobody.
    fn stand_in(&self) -> Record {
        let mut bytes = Zeroizing::new(vec![0; sizes::RECORD]);
        bytes[..sizes::SERVER_PUBLIC_KEY].copy_from_slice(&self.public_key());
        Record(bytes)
    }
}

impl Record {
    /// Takes the client's last registration message.
    ///
    /// # Errors
    /// [`Error::Malformed`] when `upload` is not a registration upload.
    pub fn from_upload(upload: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "registration upload";
        expect_length(WHAT, upload, sizes::REGISTRATION_UPLOAD)?;
        let upload = RegistrationUpload::<Suite>::deserialize(upload).map_err(|_| Error::Malformed(WHAT))?;
        let record = ServerRegistration::finish(upload);
        Ok(Self(Zeroizing::new(record.serialize().to_vec())))
    }

    /// Reads a record back from the store.
    ///
    /// # Errors
    /// [`Error::Malformed`] when `bytes` are not a record.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        expect_length("record", bytes, sizes::RECORD)?;
        let record = Self(Zeroizing::new(bytes.to_vec()));
        record.to_library()?;
        Ok(record)
    }

    /// Hands out the bytes, to be sealed at once.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }

    fn to_library(&self) -> Result<ServerRegistration<Suite>, Error> {
        ServerRegistration::deserialize(&self.0).map_err(|_| Error::Malformed("record"))
    }
}

impl LoginState {
    /// Reads what [`Self::serialize`] wrote.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless it is that, to the byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "login state";
        expect_length(WHAT, bytes, sizes::LOGIN_STATE)?;
        ServerLogin::deserialize(bytes)
            .map(Self)
            .map_err(|_| Error::Malformed(WHAT))
    }

    /// The state as [`sizes::LOGIN_STATE`] bytes, to be sealed at once.
    #[must_use]
    pub fn serialize(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = self.0.serialize();
        let copy = Zeroizing::new(bytes.to_vec());
        bytes.as_mut_slice().zeroize();
        copy
    }

    /// Checks the client's proof.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the client did not know the passphrase or there was no record;
    /// [`Error::Malformed`] when `finalization` has the wrong length.
    pub fn finish(self, finalization: &[u8]) -> Result<SessionKey, Error> {
        const WHAT: &str = "login finalization";
        expect_length(WHAT, finalization, sizes::LOGIN_FINALIZATION)?;
        let finalization =
            CredentialFinalization::<Suite>::deserialize(finalization).map_err(|_| Error::Malformed(WHAT))?;
        let mut finished = self
            .0
            .finish(finalization, ServerLoginParameters::default())
            .map_err(|error| Error::from_library(WHAT, error))?;
        let session_key = SessionKey::from_slice(&finished.session_key);
        finished.session_key.as_mut_slice().zeroize();
        Ok(session_key)
    }
}
