//! Registration, login and what anybody may ask.

use sealpost_protocol::http::{
    AccountView, Info, LoggedIn, LoginFinish, LoginStart, LoginStarted, PrincipalCandidate, PrincipalLookup,
    RecoveryLoginFinish, RecoveryLoginStart, RecoveryLoginStarted, RegistrationFinish, RegistrationStart,
    RegistrationStarted, SecretToken, paths,
};

use super::Api;
use crate::error::Error;

impl Api {
    pub(crate) async fn info(&self) -> Result<Info, Error> {
        self.get(paths::INFO, None).await
    }

    pub(crate) async fn start_registration(
        &self,
        body: &RegistrationStart,
    ) -> Result<RegistrationStarted, Error> {
        self.post(paths::REGISTRATION_START, None, body).await
    }

    pub(crate) async fn finish_registration(&self, body: &RegistrationFinish) -> Result<LoggedIn, Error> {
        self.post(paths::REGISTRATION_FINISH, None, body).await
    }

    pub(crate) async fn start_login(&self, body: &LoginStart) -> Result<LoginStarted, Error> {
        self.post(paths::LOGIN_START, None, body).await
    }

    pub(crate) async fn finish_login(&self, body: &LoginFinish) -> Result<LoggedIn, Error> {
        self.post(paths::LOGIN_FINISH, None, body).await
    }

    pub(crate) async fn start_recovery_login(
        &self,
        body: &RecoveryLoginStart,
    ) -> Result<RecoveryLoginStarted, Error> {
        self.post(paths::RECOVERY_LOGIN_START, None, body).await
    }

    pub(crate) async fn finish_recovery_login(&self, body: &RecoveryLoginFinish) -> Result<LoggedIn, Error> {
        self.post(paths::RECOVERY_LOGIN_FINISH, None, body).await
    }

    pub(crate) async fn account(&self, session: &SecretToken) -> Result<AccountView, Error> {
        self.get(paths::ACCOUNT, Some(session)).await
    }

    pub(crate) async fn delete_account(&self, session: &SecretToken) -> Result<(), Error> {
        self.delete(paths::ACCOUNT, session).await
    }

    pub(crate) async fn look_up_principal(
        &self,
        session: &SecretToken,
        body: &PrincipalLookup,
    ) -> Result<PrincipalCandidate, Error> {
        self.post(paths::PRINCIPAL_LOOKUP, Some(session), body).await
    }
}
