//! How a program becomes an agent.

use prost::Message;
use sealpost_protocol::handle::is_handle;
use sealpost_protocol::http::{AgentEnroll, AgentLoggedIn};
use sealpost_protocol::ids::PrincipalId;

use super::PairingCode;
use crate::account::Met;
use crate::client::Client;
use crate::config::ClientConfig;
use crate::entropy;
use crate::error::Error;
use crate::identity::Identity;
use crate::keystore::Content;
use crate::secret::SecretKey;
use crate::store::account::{Generation, LocalAccount, Session};

impl Client {
    /// Makes keys here and becomes an agent of whoever made the pairing code. The agent is in no space yet: its owner compares
    /// [`Client::fingerprint`] and brings it into some.
    ///
    /// # Errors
    /// [`Error::Refused`] with `pairing_code_invalid` for a code that was used or is too old; [`Error::Usage`] when the home is
    /// logged in already; [`Error::Integrity`] when the relay is not the one this home met before.
    pub async fn enroll_agent(config: ClientConfig, code: &PairingCode) -> Result<Self, Error> {
        let mut met = Met::new(config).await?;
        if met.previous.is_some() {
            return Err(Error::usage(
                "this home is logged in already; give the agent a home of its own",
            ));
        }
        let identity = Identity::generate_agent(&mut entropy::system());
        let request = AgentEnroll {
            pairing_token: code.token(),
            signed_manifest: identity.signed_manifest().encode_to_vec().into(),
        };
        let enrolled = met.api.enroll_agent(&request).await.map_err(unanswered)?;
        // Its word goes into terminals, as a command to be typed.
        if !is_handle(&enrolled.name) {
            return Err(Error::alarm(
                "the relay names the agent by what is no name; its owner should revoke it and pair anew",
            ));
        }
        let origin = met.config.relay.origin();
        let content = Content::new(identity, met.pin);
        let account = agent_of(enrolled, code.owner(), origin, content);
        met.store
            .write(move |transaction| {
                transaction.pin_relay(&account.origin, account.content.relay)?;
                transaction.put_account(&account)
            })
            .await?;
        met.entrance.is_through();
        Self::of_home(met.config, met.store, met.api).await
    }

    /// The principal whose agent this is; none for a person.
    #[must_use]
    pub fn owner(&self) -> Option<PrincipalId> {
        self.shared().owner
    }
}

/// What the home of a new agent holds. There is no keystore at the relay: the root key opens nothing, and the generation counts
/// the changes of what is here.
fn agent_of(enrolled: AgentLoggedIn, owner: PrincipalId, origin: String, content: Content) -> LocalAccount {
    LocalAccount {
        account_id: enrolled.account_id,
        handle: enrolled.name.clone(),
        origin,
        session: Session {
            id: enrolled.session.session_id,
            token: enrolled.session_token,
        },
        root_key: SecretKey::generate(&mut entropy::system()),
        generation: Generation {
            number: 1,
            digest: [0; 32],
        },
        content,
        device_name: enrolled.name,
        owner: Some(owner),
        incarnation: None,
        earlier: Vec::new(),
    }
}

/// The relay may have taken the code before its answer was lost, and with it these keys.
fn unanswered(error: Error) -> Error {
    match error {
        Error::Network(cause) => Error::Network(format!(
            "{cause}; the code may be used up all the same: if it is refused now, revoke the agent and pair anew"
        )),
        other => other,
    }
}
