//! An agent logs in by itself when its session ended, and gives signs of life.

use sealpost_protocol::agent::sign_agent_login;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::{AgentLoginFinish, AgentLoginStart, SecretToken};

use crate::client::{Client, Shared};
use crate::error::Error;
use crate::store::account::Session;

impl Client {
    /// Tells the relay that this agent is there, for its owner to see. To be called every minute or so.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] once the agent is revoked; [`Error::Usage`] for a person.
    pub async fn heartbeat(&self) -> Result<(), Error> {
        let shared = self.shared();
        if shared.owner.is_none() {
            return Err(Error::usage("signs of life are for agents"));
        }
        shared
            .with_session(async |token| shared.api.agent_heartbeat(token).await)
            .await
    }
}

impl Shared {
    /// Asks with this home's session; an agent whose session ended logs in and asks again.
    pub(crate) async fn with_session<T>(
        &self,
        ask: impl AsyncFn(&SecretToken) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.renewing(|| async { ask(&self.local_account().await?.session.token).await })
            .await
    }

    /// Asks; an agent whose session ended logs in and asks again.
    pub(crate) async fn renewing<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        match ask().await {
            Err(Error::NotAuthenticated(_)) if self.owner.is_some() => {
                self.renew_session().await?;
                ask().await
            }
            result => result,
        }
    }

    /// The session of an agent that was logged in anew after this refusal; which is a person's to hear.
    pub(crate) async fn session_instead(&self, ended: Error) -> Result<Session, Error> {
        match self.renew_session().await? {
            true => Ok(self.local_account().await?.session),
            false => Err(ended),
        }
    }

    /// Logs an agent in anew; `false` for a person, who has to do that themselves.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] once the agent is revoked.
    pub(crate) async fn renew_session(&self) -> Result<bool, Error> {
        if self.owner.is_none() {
            return Ok(false);
        }
        let start = AgentLoginStart {
            principal_id: self.identity.id(),
        };
        let started = self.api.start_agent_login(&start).await?;
        let origin = self.config.relay.origin();
        let signature = sign_agent_login(self.identity.signing_key(), &origin, &started.challenge.0);
        let finish = AgentLoginFinish {
            login_id: started.login_id,
            signature: signature.to_vec().into(),
        };
        let logged_in = self.api.finish_agent_login(&finish).await.map_err(revoked)?;
        let session = Session {
            id: logged_in.session.session_id,
            token: logged_in.session_token,
        };
        self.keep_session(session).await?;
        Ok(true)
    }

    async fn keep_session(&self, session: Session) -> Result<(), Error> {
        self.change_account(move |transaction, mut account| {
            account.session = session;
            transaction.put_account(&account)
        })
        .await
    }
}

fn revoked(error: Error) -> Error {
    match error.code() {
        Some(ErrorCode::AccountDisabled) => {
            Error::NotAuthenticated("the account of this agent's owner is disabled")
        }
        _ if matches!(error, Error::NotAuthenticated(_)) => {
            Error::NotAuthenticated("this agent was revoked by its owner, or the account is gone: pair again")
        }
        _ => error,
    }
}
