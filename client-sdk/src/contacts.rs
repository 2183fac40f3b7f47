//! Other people: who they say they are, and who their owner has confirmed them to be.
//!
//! A principal becomes a contact in two steps. A card or a handle gives a *candidate*: somebody says that these keys are
//! Bob's. When Alice has compared the fingerprint with Bob himself, [`Contacts::confirm`] makes it a confirmed contact and
//! the keystore pins it, on all her devices. Only a [`ConfirmedContact`] can be added to a space. Other keys under the
//! handle of a confirmed contact are refused, not warned about.

mod card;

pub(crate) use card::parse_signed;

use std::sync::atomic::{AtomicBool, Ordering};

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::PrincipalLookup;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::manifest::{Fingerprint, Manifest};
use sealpost_protocol::wire::{PrincipalKind, SignedManifest};

use crate::client::Client;
use crate::epoch::usable_key;
use crate::error::{Error, Refusal, printable};
use crate::keystore::{AGENT_PREFIX, Content, KnownContact};
use crate::store::account::StoredContact;
use crate::weakened::holds;

#[cfg(feature = "fuzzing")]
pub(crate) use card::{read as read_card, write as write_card};

/// Someone who may be who the handle says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The handle this principal was presented under.
    pub handle: String,
    /// The principal.
    pub principal_id: PrincipalId,
    /// When the owner confirmed the fingerprint, in milliseconds since the Unix epoch; `None` for a candidate.
    pub confirmed_at_ms: Option<u64>,
}

impl Contact {
    /// What is to be compared with the person.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.principal_id)
    }

    fn candidate(handle: &str, principal_id: PrincipalId) -> Self {
        Self {
            handle: handle.to_owned(),
            principal_id,
            confirmed_at_ms: None,
        }
    }

    pub(crate) fn confirmed(principal_id: PrincipalId, known: &KnownContact) -> Self {
        Self {
            handle: known.handle.clone(),
            principal_id,
            confirmed_at_ms: Some(known.confirmed_at_ms),
        }
    }
}

/// Someone whose fingerprint the owner has confirmed. Only [`Contacts`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmedContact {
    handle: String,
    manifest: Manifest,
}

impl ConfirmedContact {
    /// Somebody whose fingerprint a test vouches for.
    #[cfg(test)]
    pub(crate) fn for_tests(handle: &str, manifest: &Manifest) -> Self {
        Self {
            handle: handle.to_owned(),
            manifest: manifest.clone(),
        }
    }

    /// The handle this principal was confirmed under.
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.handle
    }

    /// The principal's public keys.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// The contacts of a client.
pub struct Contacts {
    client: Client,
}

impl Client {
    /// The people this account knows.
    #[must_use]
    pub fn contacts(&self) -> Contacts {
        Contacts { client: self.clone() }
    }

    /// One line of text to give to others: handle and signed public keys.
    #[must_use]
    pub fn contact_card(&self) -> String {
        card::write(&self.shared().handle, &self.shared().identity.signed_manifest())
    }
}

impl Contacts {
    /// Takes a contact card in. The result is a candidate, unless the very same principal was confirmed before.
    ///
    /// # Errors
    /// [`Error::Usage`] when the text is no card or is damaged, [`Error::Integrity`] when its handle belongs to a confirmed
    /// contact with other keys.
    pub async fn import(&self, card: &str) -> Result<Contact, Error> {
        let (handle, signed) = card::read(card)?;
        let manifest = Manifest::parse_signed(&signed)
            .map_err(|error| Error::usage(format!("the contact card does not hold: {error}")))?;
        usable_key(manifest.hpke_key())
            .map_err(|error| Error::usage(format!("the contact card does not hold: {error}")))?;
        self.client.shared().hear_of_newer_keystore().await;
        self.keep(&handle, signed, manifest.id()).await
    }

    /// Asks the relay who has a handle. What it says is a candidate, unless the very same principal was confirmed before.
    ///
    /// # Errors
    /// [`Error::Refused`] with `not_found` when nobody has it, [`Error::Integrity`] when the answer does not hold or names
    /// other keys than those confirmed for this handle.
    pub async fn look_up(&self, handle: &str) -> Result<Contact, Error> {
        self.client.shared().hear_of_newer_keystore().await;
        self.ask_for(handle).await
    }

    async fn ask_for(&self, handle: &str) -> Result<Contact, Error> {
        let shared = self.client.shared();
        let local = shared.local_account().await?;
        let question = PrincipalLookup {
            handle: handle.to_owned(),
        };
        let answer = shared
            .api
            .look_up_principal(&local.session.token, &question)
            .await?;
        let (signed, manifest) = parse_signed(&answer.signed_manifest.0)
            .ok_or_else(|| Error::alarm(format!("the relay's manifest of {handle} does not hold")))?;
        self.keep(handle, signed, manifest.id()).await
    }

    /// Confirms the candidate of this handle whose fingerprint is `fingerprint`, as the person themselves read it out.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no candidate, or `fingerprint` is not one or is mistyped; [`Error::Integrity`] when it is
    /// that of none of the candidates, or another principal was confirmed under this handle.
    pub async fn confirm(&self, handle: &str, fingerprint: &str) -> Result<ConfirmedContact, Error> {
        expect_fingerprint(fingerprint)?;
        let candidates = self.stored(handle).await?;
        if candidates.is_empty() {
            return Err(Error::usage(format!(
                "there is no candidate for {handle}; import a card first"
            )));
        }
        let ids: Vec<_> = candidates
            .iter()
            .map(|candidate| candidate.manifest.id())
            .collect();
        let candidate = candidates
            .into_iter()
            .find(|candidate| holds(Fingerprint::of(&candidate.manifest.id()).matches(fingerprint)))
            .ok_or_else(|| foreign_fingerprint(handle, &ids, fingerprint))?;
        self.pin(handle, candidate.manifest.id()).await?;
        Ok(ConfirmedContact {
            handle: candidate.handle,
            manifest: candidate.manifest,
        })
    }

    /// The confirmed contact of this handle, as all devices of this account know it: whoever is trusted because of it must not be
    /// trusted by a device that has not heard that the contact was removed. The relay is asked for their keys; they must be those
    /// that were confirmed.
    ///
    /// # Errors
    /// [`Error::Usage`] when nobody is confirmed under this handle, [`Error::Refused`] with `not_found` when their account is gone,
    /// [`Error::Integrity`] when the relay has other keys; those of reaching the relay.
    pub async fn confirmed(&self, handle: &str) -> Result<ConfirmedContact, Error> {
        let shared = self.client.shared();
        Box::pin(shared.fetch_newer_keystore(&shared.api)).await?;
        let local = shared.local_account().await?;
        let id = confirmed_under(&local.content, handle)
            .ok_or_else(|| Error::usage(format!("{handle} is not a confirmed contact")))?;
        let stored = self.stored_manifest(id).await?;
        // The relay has no handles of agents: they are on their owner's list.
        let is_agent = stored.is_some_and(|manifest| manifest.kind() == PrincipalKind::Agent);
        if !is_agent {
            self.ask_for(handle).await.map_err(account_gone)?;
        }
        let manifest = self
            .stored_manifest(id)
            .await?
            .ok_or_else(|| changed_identity(handle))?;
        Ok(ConfirmedContact {
            handle: handle.to_owned(),
            manifest,
        })
    }

    /// Everybody, confirmed contacts first, as all devices of this account know them; where the relay cannot be asked, as this one
    /// does.
    ///
    /// # Errors
    /// [`Error::Store`] when the local store cannot be read.
    pub async fn list(&self) -> Result<Vec<Contact>, Error> {
        self.client.shared().hear_of_newer_keystore().await;
        self.known().await
    }

    /// The same as this device knows them. The relay is not asked.
    ///
    /// # Errors
    /// [`Error::Store`] when the local store cannot be read.
    pub async fn known(&self) -> Result<Vec<Contact>, Error> {
        let shared = self.client.shared();
        let content = shared.local_account().await?.content;
        let stored = shared.store.read(|transaction| transaction.contacts()).await?;
        let candidates = stored
            .iter()
            .filter(|stored| confirmed_under(&content, &stored.handle).is_none())
            .filter(|stored| !content.contacts.contains_key(&stored.manifest.id()))
            .map(|stored| Contact::candidate(&stored.handle, stored.manifest.id()));
        let confirmed = content
            .contacts
            .iter()
            .map(|(id, known)| Contact::confirmed(*id, known));
        Ok(confirmed.chain(candidates).collect())
    }

    /// Forgets everybody under this handle: the explicit step before other keys can be confirmed for it.
    ///
    /// # Errors
    /// [`Error::Refused`] with `not_found` when nobody is known under it; those of reaching the relay, which keeps the keystore.
    pub async fn remove(&self, handle: &str) -> Result<(), Error> {
        let shared = self.client.shared();
        let was_confirmed = AtomicBool::new(false);
        shared
            .update_keystore(|content| {
                let before = content.contacts.len();
                content.contacts.retain(|_, known| known.handle != handle);
                was_confirmed.fetch_or(content.contacts.len() < before, Ordering::Relaxed);
            })
            .await?;
        let ids: Vec<PrincipalId> = self
            .stored(handle)
            .await?
            .iter()
            .map(|stored| stored.manifest.id())
            .collect();
        if ids.is_empty() && !was_confirmed.into_inner() {
            return Err(nobody_known(handle));
        }
        shared
            .store
            .write(move |transaction| ids.iter().try_for_each(|id| transaction.remove_contact(id)))
            .await
    }

    pub(crate) async fn keep(
        &self,
        handle: &str,
        signed: SignedManifest,
        id: PrincipalId,
    ) -> Result<Contact, Error> {
        let shared = self.client.shared();
        if id == shared.identity.id() {
            return Err(Error::usage("these are this account's own keys"));
        }
        let content = shared.local_account().await?.content;
        let contact = judge(&content, handle, id)?;
        let handle = contact.handle.clone();
        shared
            .store
            .write(move |transaction| transaction.put_contact(&handle, &signed, &id))
            .await?;
        Ok(contact)
    }

    async fn pin(&self, handle: &str, id: PrincipalId) -> Result<(), Error> {
        let shared = self.client.shared();
        let now = shared.config.clock.unix_ms();
        shared
            .update_keystore(|content| confirm_in(content, handle, id, now))
            .await?;
        // Another device may have confirmed someone else under this handle in the meantime.
        judge(&shared.local_account().await?.content, handle, id)?;
        Ok(())
    }

    async fn stored(&self, handle: &str) -> Result<Vec<StoredContact>, Error> {
        let stored = self
            .client
            .shared()
            .store
            .read(|transaction| transaction.contacts())
            .await?;
        Ok(stored
            .into_iter()
            .filter(|stored| stored.handle == handle)
            .collect())
    }

    async fn stored_manifest(&self, id: PrincipalId) -> Result<Option<Manifest>, Error> {
        let stored = self
            .client
            .shared()
            .store
            .read(|transaction| transaction.contacts())
            .await?;
        Ok(stored
            .into_iter()
            .map(|stored| stored.manifest)
            .find(|manifest| manifest.id() == id))
    }
}

/// What a principal presented under `handle` is to this account.
fn judge(content: &Content, handle: &str, id: PrincipalId) -> Result<Contact, Error> {
    match confirmed_under(content, handle) {
        Some(confirmed) if !holds(confirmed == id) => Err(changed_identity(handle)),
        _ => Ok(content.contacts.get(&id).map_or_else(
            || Contact::candidate(handle, id),
            |known| Contact::confirmed(id, known),
        )),
    }
}

/// Who was confirmed under a handle.
pub(crate) fn confirmed_under(content: &Content, handle: &str) -> Option<PrincipalId> {
    let mut contacts = content.contacts.iter();
    contacts
        .find(|(_, known)| known.handle == handle)
        .map(|(id, _)| *id)
}

/// Confirms a principal, unless another one has the handle or it was confirmed before.
fn confirm_in(content: &mut Content, handle: &str, id: PrincipalId, now: u64) {
    if confirmed_under(content, handle).is_some() {
        return;
    }
    content.contacts.entry(id).or_insert_with(|| KnownContact {
        handle: handle.to_owned(),
        confirmed_at_ms: now,
    });
}

/// What it means that nobody has the handle of somebody who is confirmed.
fn account_gone(error: Error) -> Error {
    match error.code() {
        Some(code @ ErrorCode::NotFound) => {
            let what =
                "nobody has this contact's handle any more: the account was deleted. Nothing was changed";
            Refusal::new(code.as_str(), what).into()
        }
        _ => error,
    }
}

fn nobody_known(handle: &str) -> Error {
    let what = format!("there is no contact {}", printable(handle));
    Refusal::by_the_rules(ErrorCode::NotFound, what).into()
}

fn changed_identity(handle: &str) -> Error {
    let way_out = match handle.strip_prefix(AGENT_PREFIX) {
        Some(_) => {
            "if you know that it was set up anew, remove the contact of this name, and approve it with its new fingerprint"
        }
        None => "if they say that they have new keys, remove the contact and confirm it again",
    };
    Error::alarm(format!(
        "{handle} comes with other keys than those that were confirmed; {way_out}"
    ))
}

/// Tells a typing error from a fingerprint that is somebody else's.
fn expect_fingerprint(text: &str) -> Result<(), Error> {
    Fingerprint::is_one(text)
        .then_some(())
        .ok_or_else(|| Error::usage("a fingerprint has 40 digits, or twelve words of its list"))
}

/// Groups of digits that a slip of the finger may touch. Keys whose fingerprint shares the other six take 2^99 trials.
const SLIP: usize = 2;

/// A fingerprint that is that of none of the candidates: a slip of the finger, or somebody else's.
fn foreign_fingerprint(handle: &str, candidates: &[PrincipalId], text: &str) -> Error {
    let nearest = candidates
        .iter()
        .map(|id| wrong_groups(&Fingerprint::of(id).to_string(), text))
        .min_by_key(Vec::len)
        .unwrap_or_default();
    match &nearest[..] {
        [group] => Error::usage(format!(
            "group {group} of the fingerprint is not that of {handle}'s card; read it again. Nobody was confirmed"
        )),
        [one, other] => Error::usage(format!(
            "groups {one} and {other} of the fingerprint are not those of {handle}'s card; read them again. Nobody was confirmed"
        )),
        _ => Error::alarm(format!(
            "this is the fingerprint of none of the candidates for {handle}; nobody was confirmed"
        )),
    }
}

/// Which groups of five digits differ, from 1; more than [`SLIP`] are not counted out.
fn wrong_groups(fingerprint: &str, text: &str) -> Vec<usize> {
    let digits = |text: &str| -> Vec<u8> { text.bytes().filter(u8::is_ascii_digit).collect() };
    let (expected, typed) = (digits(fingerprint), digits(text));
    let groups = expected.chunks(5).zip(typed.chunks(5));
    let wrong = (1..)
        .zip(groups)
        .filter(|(_, (expected, typed))| expected != typed);
    wrong.map(|(number, _)| number).take(SLIP + 1).collect()
}

#[cfg(test)]
mod tests;
