//! Spaces that this account reads no more: why, and how one is forgotten.

use std::collections::BTreeSet;
use std::sync::Weak;
use std::time::Duration;

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::SpaceId;
use tokio::time::timeout;

use super::client::SpaceSummary;
use super::core::SpaceCore;
use crate::client::{Client, Shared};
use crate::error::{Error, Refusal, StoreError};
use crate::outbox::{GivenUp, keep_unsent, to_give_up};
use crate::store::StoreTransaction;
use crate::store::log::SpaceLog;

/// Spaces that one call asks after: each is a question to the relay.
const MOST_ASKED_AFTER: usize = 64;
/// How long the relay may keep an answer back.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Why an account reads a space no more, as far as this device has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceEnd {
    /// It has left.
    Left,
    /// It is no member any more, as the relay says: it was removed, or has left on another device.
    Removed,
    /// The space was deleted.
    Deleted,
    /// It waited for approval and was turned away.
    TurnedAway,
    /// The relay does not list the space; nothing more was heard.
    NotListed,
}

impl Client {
    /// Asks the relay about spaces that it does not list ([`SpaceEnd::NotListed`]), and corrects what is said of them: one that it
    /// serves all the same goes on, as does each of an account that was deleted and imported, whose memberships it lists no more; of
    /// another that was read on this device it says why not. Stops where the relay does not answer.
    pub async fn ask_after(&self, spaces: &mut [SpaceSummary]) {
        self.ask_after_each(spaces.iter_mut().filter(is_unlisted).take(MOST_ASKED_AFTER))
            .await;
    }

    /// The same for all of them; gives those of which the relay was not heard.
    pub(super) async fn ask_after_all(&self, spaces: &mut [SpaceSummary]) -> BTreeSet<SpaceId> {
        self.ask_after_each(spaces.iter_mut().filter(is_unlisted)).await
    }

    async fn ask_after_each<'a>(
        &self,
        mut spaces: impl Iterator<Item = &'a mut SpaceSummary>,
    ) -> BTreeSet<SpaceId> {
        while let Some(space) = spaces.next() {
            if let Err(error) = self.ask_after_one(space).await {
                tracing::debug!(space.id = %space.id, error = %error, "why spaces have ended was not heard");
                return [space.id]
                    .into_iter()
                    .chain(spaces.map(|space| space.id))
                    .collect();
            }
        }
        BTreeSet::new()
    }

    async fn ask_after_one(&self, space: &mut SpaceSummary) -> Result<(), Error> {
        let (shared, id) = (self.shared(), space.id);
        match self.served_head(id).await {
            Ok(head) => {
                (space.relay_head, space.ended) = (Some(head), None);
                shared.note_no_end(id).await;
            }
            Err(error @ (Error::Network(_) | Error::NotAuthenticated(_))) => return Err(error),
            Err(_) => {
                let noted = shared
                    .store
                    .read(move |store| Ok(store.ends()?.get(&id).copied()));
                space.ended = noted.await?.or(space.ended);
            }
        }
        Ok(())
    }

    /// Where the log of a space ends that the relay serves to this account.
    async fn served_head(&self, id: SpaceId) -> Result<u64, Error> {
        let space = self.space(id).await?;
        let asked = timeout(ANSWERED_WITHIN, space.core().head()).await;
        asked.unwrap_or_else(|_elapsed| Err(Error::network("the relay does not answer")))
    }

    /// Takes a space that this account reads no more out of the list: out of the keystore, and all that was read out of this
    /// device's store. Another device that has read it lists it until it forgets it, too. Nobody else notices. Whoever waits for
    /// approval can be let in all the same, and the space is then listed again.
    ///
    /// # Errors
    /// [`Error::Usage`] while this account is a member, or this process has the space open; [`StoreError::Unsent`] while messages
    /// wait in its outbox; [`StoreError::Sending`] while another process of this home sends into it; those of reaching the relay.
    /// Nothing is destroyed then.
    pub async fn forget_space(&self, id: SpaceId) -> Result<(), Error> {
        self.destroy_space(id, Outbox::IsEmpty).await.map(drop)
    }

    /// The same with the messages that wait in its outbox, which are nowhere else; returns how many they were.
    ///
    /// # Errors
    /// As [`Self::forget_space`].
    pub async fn forget_space_and_unsent(&self, id: SpaceId) -> Result<GivenUp, Error> {
        self.destroy_space(id, Outbox::IsGivenUp).await
    }

    async fn destroy_space(&self, id: SpaceId, outbox: Outbox) -> Result<GivenUp, Error> {
        let shared = self.shared();
        let listed = shared.with_session(async |token| shared.api.spaces(token).await);
        if listed.await?.spaces.iter().any(|view| view.space_id == id) {
            return Err(still_a_member());
        }
        if shared.is_being_made(id).await? {
            return Err(Error::usage(
                "the space is still being made: use it once, then delete it",
            ));
        }
        if shared.has_open(id).await {
            return Err(Error::usage("the space is in use"));
        }
        // Nobody signs anything for it from here on.
        let turn = keep_unsent(&shared.store, id).await?;
        let unsent = shared.unsent_of(id).await?;
        if outbox == Outbox::IsEmpty && unsent.messages > 0 {
            return Err(StoreError::Unsent(unsent.messages).into());
        }
        // A relay that does not list a space may serve it.
        match self.served_head(id).await {
            Ok(_) => return Err(still_a_member()),
            Err(error @ (Error::Network(_) | Error::NotAuthenticated(_))) => return Err(error),
            Err(_) => {}
        }
        shared
            .update_keystore(|content| {
                content.spaces.remove(&id);
            })
            .await?;
        let forgetting = shared.store.write(move |store| {
            let _held = turn.as_ref();
            store.forget_space(id)
        });
        forgetting.await?;
        Ok(unsent)
    }
}

fn is_unlisted(space: &&mut SpaceSummary) -> bool {
    space.ended == Some(SpaceEnd::NotListed)
}

fn still_a_member() -> Error {
    Error::usage("this account is a member of the space: leave it first, or delete it")
}

/// What is to be with the outbox of a space that is forgotten.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outbox {
    IsEmpty,
    IsGivenUp,
}

impl Shared {
    async fn is_being_made(&self, id: SpaceId) -> Result<bool, Error> {
        let begun = self.creations().await?;
        Ok(begun.iter().any(|(begun, _)| *begun == id))
    }

    async fn unsent_of(&self, id: SpaceId) -> Result<GivenUp, Error> {
        let count = move |store: &StoreTransaction<'_>| {
            let mut found = to_give_up(&SpaceLog::find_or_empty(store, id)?)?;
            // What was signed for a view that was set aside, and was not published again yet.
            for aside in SpaceLog::set_aside_of(store, id)? {
                let more = to_give_up(&aside)?;
                found.events += more.events;
                found.messages += more.messages;
            }
            Ok(found)
        };
        self.store.read(count).await
    }

    pub(super) async fn has_open(&self, id: SpaceId) -> bool {
        let open = self.spaces.open.lock().await;
        open.get(&id).and_then(Weak::upgrade).is_some()
    }

    /// Notes why a space has ended, for the list.
    pub(super) async fn note_end(&self, id: SpaceId, end: SpaceEnd) {
        let noted = self.store.write(move |store| store.put_end(id, end)).await;
        if let Err(error) = noted {
            tracing::warn!(space.id = %id, error = %error, "why a space has ended was not noted");
        }
    }

    /// Notes that the relay lists a space again.
    pub(super) async fn note_no_end(&self, id: SpaceId) {
        let noted = self.store.write(move |store| store.remove_end(id)).await;
        if let Err(error) = noted {
            tracing::warn!(space.id = %id, error = %error, "that a space goes on was not noted");
        }
    }
}

impl SpaceCore {
    /// Notes what a refusal to read says of a space that was read before.
    pub(crate) async fn note_refusal(&self, refusal: &Refusal) {
        if self.progress().borrow().cursor.seq == 0 {
            return;
        }
        let end = match refusal.code {
            Some(ErrorCode::NotAMember) => SpaceEnd::Removed,
            Some(ErrorCode::Tombstoned) if refusal.by_the_rules => SpaceEnd::Deleted,
            _ => return,
        };
        self.client.note_end(self.space_id, end).await;
    }
}
