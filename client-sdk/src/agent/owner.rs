//! What a person does with their agents.

use std::time::Duration;

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::{AgentView, PairingStart};
use sealpost_protocol::ids::{PrincipalId, SpaceId};
use sealpost_protocol::wire::{PrincipalKind, SignedManifest};
use time::OffsetDateTime;

use super::PairingCode;
use crate::client::Client;
use crate::contacts::{ConfirmedContact, parse_signed};
use crate::entropy;
use crate::error::{Error, printable};
use crate::space::Space;

/// What stands before an agent's name where handles of people stand too. No handle holds a colon.
const PREFIX: &str = "agent:";

/// The agents of a client.
pub struct Agents {
    client: Client,
}

/// An agent of this account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// How its owner calls it.
    pub name: String,
    /// Its principal, as the relay says until the fingerprint is confirmed.
    pub principal_id: PrincipalId,
    /// Whether the owner has confirmed its fingerprint.
    pub is_confirmed: bool,
    /// When it enrolled, as the relay says.
    pub created_at: OffsetDateTime,
    /// When the relay last heard of it, as the relay says.
    pub last_seen_at: OffsetDateTime,
}

/// What a revocation did beyond the relay, which knows the agent no more.
#[derive(Debug)]
pub struct RevokedAgent {
    /// The agent.
    pub principal_id: PrincipalId,
    /// Spaces that it was taken out of; they have a new key.
    pub removed_from: Vec<SpaceId>,
    /// Spaces that it is in still, or may be, and why. A member who may manage has to take it out.
    pub still_in: Vec<(SpaceId, Error)>,
}

impl Client {
    /// The agents of this account.
    #[must_use]
    pub fn agents(&self) -> Agents {
        Agents { client: self.clone() }
    }
}

impl Agents {
    /// Makes a code with which one agent can enroll under `name`, for as long as `lifetime`; and says when it ends.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is no handle, or is taken by another agent.
    pub async fn pair(&self, name: &str, lifetime: Duration) -> Result<(PairingCode, OffsetDateTime), Error> {
        if !sealpost_protocol::handle::is_handle(name) {
            return Err(Error::usage(
                "an agent's name is 3 to 32 of a-z, 0-9, dot, dash and underscore",
            ));
        }
        if self.list().await?.iter().any(|agent| agent.name == name) {
            return Err(Error::usage(format!("there is an agent called {name} already")));
        }
        let shared = self.client.shared();
        let local = shared.local_account().await?;
        let code = PairingCode::generate(shared.identity.id(), &mut entropy::system());
        let request = PairingStart {
            pairing_token: code.token(),
            name: name.to_owned(),
            lifetime_seconds: u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX),
        };
        let started = shared.api.begin_pairing(&local.session.token, &request).await?;
        Ok((code, started.expires_at))
    }

    /// All of them, newest first.
    ///
    /// # Errors
    /// [`Error::Refused`] with `agent_not_allowed` for an agent.
    pub async fn list(&self) -> Result<Vec<Agent>, Error> {
        let known = self.client.shared().local_account().await?.content.contacts;
        let views = self.views().await?;
        let agent = |view: AgentView| Agent {
            is_confirmed: known.contains_key(&view.principal_id),
            name: printable(&view.name),
            principal_id: view.principal_id,
            created_at: view.created_at,
            last_seen_at: view.last_seen_at,
        };
        Ok(views.into_iter().map(agent).collect())
    }

    /// Confirms the agent of this name whose fingerprint is `fingerprint`, in digits or words, as its own machine shows it. It is
    /// then known on all devices of the owner.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none of that name or `fingerprint` is none, [`Error::Integrity`] when it is that of none of
    /// them.
    pub async fn confirm(&self, name: &str, fingerprint: &str) -> Result<ConfirmedContact, Error> {
        self.take_in(name).await?;
        self.client.contacts().confirm(&handle(name), fingerprint).await
    }

    /// The agent of this name, if its fingerprint was confirmed before.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none of that name, [`Error::Integrity`] when the relay has other keys under it.
    pub async fn confirmed(&self, name: &str) -> Result<Option<ConfirmedContact>, Error> {
        self.take_in(name).await?;
        let handle = handle(name);
        let contacts = self.client.contacts();
        let all = contacts.list().await?;
        let is_known = all
            .iter()
            .any(|contact| contact.handle == handle && contact.confirmed_at_ms.is_some());
        match is_known {
            true => contacts.confirmed(&handle).await.map(Some),
            false => Ok(None),
        }
    }

    /// Ends an agent: the relay forgets it and closes its sockets, then it is taken out of every space, with a new key for those
    /// who stay. Calling it again goes on where it could not.
    ///
    /// # Errors
    /// [`Error::Usage`] when neither the relay nor this account knows such an agent.
    pub async fn revoke(&self, name: &str) -> Result<RevokedAgent, Error> {
        let shared = self.client.shared();
        let principal_id = self.find(name).await?;
        let local = shared.local_account().await?;
        match shared.api.revoke_agent(&local.session.token, &principal_id).await {
            Err(error) if error.code() != Some(ErrorCode::NotFound) => return Err(error),
            _ => {}
        }
        let mut revoked = RevokedAgent {
            principal_id,
            removed_from: Vec::new(),
            still_in: Vec::new(),
        };
        for summary in self.client.spaces().await? {
            revoked.take_out(&self.client.space(summary.id).await?).await;
        }
        if revoked.still_in.is_empty() {
            self.forget(principal_id).await?;
        }
        Ok(revoked)
    }

    /// The agent of this name, at the relay or among those that were confirmed; or with this id.
    async fn find(&self, name: &str) -> Result<PrincipalId, Error> {
        let at_relay = self.list().await?.into_iter();
        let at_relay = at_relay.map(|agent| (handle(&agent.name), agent.principal_id));
        let contacts = self.client.contacts().list().await?.into_iter();
        let contacts = contacts.map(|contact| (contact.handle, contact.principal_id));
        let mut found: Vec<_> = at_relay
            .chain(contacts.filter(|(handle, _)| handle.starts_with(PREFIX)))
            .filter(|(known, id)| *known == handle(name) || id.to_string() == name)
            .map(|(_, id)| id)
            .collect();
        found.sort_unstable();
        found.dedup();
        match found[..] {
            [id] => Ok(id),
            [] => Err(Error::usage(format!("there is no agent called {name}"))),
            _ => Err(Error::usage(format!(
                "{name} is more than one agent; name its principal id"
            ))),
        }
    }

    async fn forget(&self, id: PrincipalId) -> Result<(), Error> {
        let shared = self.client.shared();
        shared
            .update_keystore(|content| {
                content.contacts.remove(&id);
            })
            .await?;
        shared
            .store
            .write(move |transaction| transaction.remove_contact(&id))
            .await
    }

    /// Keeps the manifests that the relay has under this name, as candidates.
    async fn take_in(&self, name: &str) -> Result<(), Error> {
        let views = self.views().await?;
        let mut of_name = views.iter().filter(|view| view.name == name).peekable();
        if of_name.peek().is_none() {
            return Err(Error::usage(format!("there is no agent called {name}")));
        }
        for view in of_name {
            let (signed, id) = check(view)?;
            self.client.contacts().keep(&handle(name), signed, id).await?;
        }
        Ok(())
    }

    async fn views(&self) -> Result<Vec<AgentView>, Error> {
        let shared = self.client.shared();
        let local = shared.local_account().await?;
        Ok(shared.api.agents(&local.session.token).await?.agents)
    }
}

impl RevokedAgent {
    async fn take_out(&mut self, space: &Space) {
        let (id, agent) = (space.id(), self.principal_id);
        let synced = space.sync().await;
        let members = space.members().await;
        let is_in = members.map(|members| members.iter().any(|member| member.manifest.id() == agent));
        match (is_in, synced) {
            (Ok(true), Ok(_)) => match space.remove_member(agent).await {
                Ok(()) => self.removed_from.push(id),
                Err(error) => self.still_in.push((id, error)),
            },
            (Ok(true), Err(error)) | (Err(_), Err(error)) if !is_over(&error) => {
                self.still_in.push((id, error))
            }
            (Err(error), Ok(_)) => self.still_in.push((id, error)),
            _ => {}
        }
    }
}

/// Whether this account has nothing to do with the space any more.
fn is_over(error: &Error) -> bool {
    matches!(error.code(), Some(ErrorCode::NotAMember | ErrorCode::Tombstoned))
}

fn handle(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// The relay's word for an agent has to hold together, at least.
fn check(view: &AgentView) -> Result<(SignedManifest, PrincipalId), Error> {
    let bad = || {
        Error::alarm(format!(
            "the relay's manifest of the agent {} does not hold",
            printable(&view.name)
        ))
    };
    let (signed, manifest) = parse_signed(&view.signed_manifest.0).ok_or_else(bad)?;
    let holds = manifest.id() == view.principal_id && manifest.kind() == PrincipalKind::Agent;
    holds.then_some((signed, view.principal_id)).ok_or_else(bad)
}
