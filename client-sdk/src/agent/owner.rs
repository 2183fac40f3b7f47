//! What a person does with their agents.

use std::collections::BTreeMap;
use std::time::Duration;

use sealpost_protocol::chain::Member;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::handle::is_handle;
use sealpost_protocol::http::{AgentView, PairingStart};
use sealpost_protocol::ids::{PrincipalId, SpaceId};
use sealpost_protocol::wire::{PrincipalKind, SignedManifest};
use time::OffsetDateTime;

use super::PairingCode;
use crate::client::Client;
use crate::contacts::{ConfirmedContact, confirmed_under, parse_signed};
use crate::entropy;
use crate::error::{Error, printable};
use crate::keystore::AGENT_PREFIX;
use crate::space::Space;

/// Fewest digits by which an id is told from a name.
const SHORTEST_PREFIX: usize = 6;

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

/// Which agent is meant.
#[derive(Clone, Copy)]
struct Meant {
    id: PrincipalId,
    /// Whether the owner has confirmed it under this name or named its id. If not, the id is the relay's word: it must not choose
    /// who is taken out of a space.
    is_vouched_for: bool,
    /// Whether the relay lists it or the owner has confirmed it. If not, only the spaces tell whether there is such an agent.
    is_known: bool,
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
    /// Makes a code with which one agent can enroll under `name`, for as long as `lifetime`; and says when it ends. An agent that was
    /// confirmed under this name and that the relay knows no more is forgotten: the name is another one's from here on.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is no handle, or is taken by another agent.
    pub async fn pair(&self, name: &str, lifetime: Duration) -> Result<(PairingCode, OffsetDateTime), Error> {
        if !is_handle(name) {
            return Err(Error::usage(
                "an agent's name is 3 to 32 of a-z, 0-9, dot, dash and underscore",
            ));
        }
        if self.list().await?.iter().any(|agent| agent.name == name) {
            return Err(Error::usage(format!("there is an agent called {name} already")));
        }
        self.forget_predecessor(name).await?;
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
        let views = self.views().await?;
        let known = self.client.shared().local_account().await?.content.contacts;
        let agent = |view: AgentView| Agent {
            is_confirmed: known
                .get(&view.principal_id)
                .is_some_and(|contact| contact.handle == handle(&view.name)),
            name: view.name,
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
        let content = self.client.shared().local_account().await?.content;
        match confirmed_under(&content, &handle) {
            Some(_) => self.client.contacts().confirmed(&handle).await.map(Some),
            None => Ok(None),
        }
    }

    /// Ends an agent: the relay forgets it and closes its sockets, then it is taken out of every space, with a new key for those
    /// who stay. Calling it again goes on where it could not. `name` is the agent's name, or its whole principal id. One whose
    /// fingerprint was never confirmed is taken out only if it is named by its id; by that, it is found where only a space has it.
    ///
    /// # Errors
    /// [`Error::Usage`] when neither the relay nor this account nor any of its spaces knows such an agent; [`Error::Integrity`] when the relay lists one
    /// that does not hold together, or somebody else who is known.
    pub async fn revoke(&self, name: &str) -> Result<RevokedAgent, Error> {
        let shared = self.client.shared();
        let meant = self.find(name).await?;
        let principal_id = meant.id;
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
            match self.client.space(summary.id).await {
                Ok(space) => revoked.take_out(&space, meant).await,
                Err(error) => revoked.still_in.push((summary.id, error)),
            }
        }
        if revoked.still_in.is_empty() {
            if !meant.is_known && revoked.removed_from.is_empty() {
                return Err(nobody(name));
            }
            self.forget(principal_id).await?;
        }
        Ok(revoked)
    }

    /// The agent of this name, at the relay or among those that were confirmed; or with an id that begins so.
    async fn find(&self, name: &str) -> Result<Meant, Error> {
        let at_relay = self.list().await?.into_iter();
        let known = self.client.shared().local_account().await?.content.contacts;
        let confirmed = known.iter().filter_map(|(id, contact)| {
            Some((*id, (contact.handle.strip_prefix(AGENT_PREFIX)?.to_owned(), true)))
        });
        // The same name: another one under which the relay lists a confirmed agent raised the alarm.
        let at_relay = at_relay.map(|agent| (agent.principal_id, (agent.name, agent.is_confirmed)));
        pick(name, &at_relay.chain(confirmed).collect())
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

    /// Frees a name that the relay gives to nobody any more. Else the next agent of this name would raise an alarm: its keys are not
    /// those that were confirmed.
    async fn forget_predecessor(&self, name: &str) -> Result<(), Error> {
        let handle = handle(name);
        let content = self.client.shared().local_account().await?.content;
        match confirmed_under(&content, &handle) {
            Some(_) => self.client.contacts().remove(&handle).await,
            None => Ok(()),
        }
    }

    /// Keeps the manifests that the relay has under this name, as candidates.
    async fn take_in(&self, name: &str) -> Result<(), Error> {
        let views = self.views().await?;
        let mut of_name = views.iter().filter(|view| view.name == name).peekable();
        if of_name.peek().is_none() {
            return Err(nobody(name));
        }
        for view in of_name {
            let signed = check(view)?;
            self.client
                .contacts()
                .keep(&handle(name), signed, view.principal_id)
                .await?;
        }
        Ok(())
    }

    /// What the relay lists. Each holds together, and is nobody who is known as somebody else.
    async fn views(&self) -> Result<Vec<AgentView>, Error> {
        let shared = self.client.shared();
        shared.hear_of_newer_keystore().await;
        let local = shared.local_account().await?;
        let views = shared.api.agents(&local.session.token).await?.agents;
        for view in &views {
            check(view)?;
            let known = local.content.contacts.get(&view.principal_id);
            if known.is_some_and(|contact| contact.handle != handle(&view.name)) {
                return Err(Error::alarm(format!(
                    "the relay lists as the agent {} a principal that was confirmed as another",
                    view.name
                )));
            }
        }
        Ok(views)
    }
}

/// Which of these is meant. A name is taken before the first digits of an id. A whole id is taken as it is: the relay forgets an
/// agent before all spaces do.
fn pick(wanted: &str, agents: &BTreeMap<PrincipalId, (String, bool)>) -> Result<Meant, Error> {
    let by_name: Vec<_> = agents.iter().filter(|(_, (name, _))| name == wanted).collect();
    let begins_so = |id: &PrincipalId| wanted.len() >= SHORTEST_PREFIX && id.to_string().starts_with(wanted);
    let found = match by_name.is_empty() {
        true => agents.iter().filter(|(id, _)| begins_so(id)).collect(),
        false => by_name,
    };
    match found[..] {
        [(id, (_, is_confirmed))] => Ok(Meant {
            id: *id,
            is_vouched_for: *is_confirmed || id.to_string() == wanted,
            is_known: true,
        }),
        [] => Ok(Meant {
            id: wanted.parse().map_err(|_| nobody(wanted))?,
            is_vouched_for: true,
            is_known: false,
        }),
        _ => Err(more_than_one(wanted, &found)),
    }
}

fn nobody(wanted: &str) -> Error {
    Error::usage(format!("there is no agent called {wanted}"))
}

fn more_than_one(wanted: &str, found: &[(&PrincipalId, &(String, bool))]) -> Error {
    let list: String = found
        .iter()
        .map(|(id, (name, is_confirmed))| {
            let state = if *is_confirmed {
                "confirmed"
            } else {
                "not approved"
            };
            format!("\n  {id}  {name}  {state}")
        })
        .collect();
    Error::usage(format!(
        "{wanted} is more than one agent; say which by its id, or by as many first digits of it as it takes:{list}"
    ))
}

impl RevokedAgent {
    async fn take_out(&mut self, space: &Space, meant: Meant) {
        let synced = space.sync().await;
        let found = self.is_in(space).await;
        let is_in = found.as_ref().ok().copied();
        match (found, synced) {
            (Ok(false), Ok(_)) => {}
            (Ok(true), Ok(_)) => self.remove_from(space, meant).await,
            (_, Err(error)) if is_over(is_in, &error, space) => {}
            (_, Err(error)) | (Err(error), Ok(_)) => self.still_in.push((space.id(), error)),
        }
    }

    /// Whether the verified chain has the agent as a member. A person of that id is somebody else.
    async fn is_in(&self, space: &Space) -> Result<bool, Error> {
        let is_agent = |member: &Member| {
            member.manifest.id() == self.principal_id && member.manifest.kind() == PrincipalKind::Agent
        };
        Ok(space.members().await?.iter().any(is_agent))
    }

    async fn remove_from(&mut self, space: &Space, meant: Meant) {
        if !meant.is_vouched_for {
            let why = format!(
                "only the relay says that this is the agent, its fingerprint was never confirmed; if it is, revoke it again by \
                 its principal id, {}",
                meant.id
            );
            return self.still_in.push((space.id(), Error::usage(why)));
        }
        match space.remove_member(self.principal_id).await {
            Ok(()) => self.removed_from.push(space.id()),
            Err(error) => self.still_in.push((space.id(), error)),
        }
    }
}

/// Whether a refusal to read means that the agent is not in the space, or that it does not matter any more. That the relay says so is
/// not enough.
fn is_over(is_in: Option<bool>, error: &Error, space: &Space) -> bool {
    let Error::Refused(refusal) = error else {
        return false;
    };
    match refusal.code {
        Some(ErrorCode::Tombstoned) => refusal.by_the_rules,
        // Only who is in a space brings an agent in: here the chain shows that this account left before it did.
        Some(ErrorCode::NotAMember) if refusal.by_the_rules => is_in == Some(false),
        // No device of this account has ever read the space: it waits for approval, say.
        Some(ErrorCode::NotAMember) => is_in.is_none() && space.core().pinned.is_none(),
        _ => false,
    }
}

fn handle(name: &str) -> String {
    format!("{AGENT_PREFIX}{name}")
}

/// The relay's word for an agent has to hold together, at least.
fn check(view: &AgentView) -> Result<SignedManifest, Error> {
    let bad = || {
        Error::alarm(format!(
            "the relay's manifest of the agent {} does not hold",
            printable(&view.name)
        ))
    };
    let (signed, manifest) = parse_signed(&view.signed_manifest.0).ok_or_else(bad)?;
    let holds = manifest.id() == view.principal_id
        && manifest.kind() == PrincipalKind::Agent
        && is_handle(&view.name);
    holds.then_some(signed).ok_or_else(bad)
}

#[cfg(test)]
mod tests;
