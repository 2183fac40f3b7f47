//! Joining by an invite link: nobody has to be online. The joiner verifies the whole control chain before it signs anything.

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_protocol::chain::{ChainError, ControlChain};
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::control::{Link, ParsedControl, co_sign_control, sign_control};
use sealpost_protocol::fold;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::invite::{InviteLink, sign_invite_lookup};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{self, FetchInvite, SignedControl};
use tokio::time::sleep;

use super::api::Space;
use super::control::publish_one;
use crate::backoff::Backoff;
use crate::client::{Client, Shared};
use crate::entropy;
use crate::epoch::{EpochKey, EpochRef, seal_wrap};
use crate::error::{Alarm, Error, Refusal};
use crate::invite::InviteKeys;
use crate::socket::Socket;

/// How often joining is tried against others who change the space.
const ATTEMPTS: usize = 12;

/// What became of a link.
pub enum Joined {
    /// This account is a member. Where history is not shared, there is nothing to read or write until a member was online.
    Member(Space),
    /// A member must approve it first, after comparing the fingerprint. The space is then in the list of spaces.
    Waiting(SpaceId),
}

/// The chain as far as the relay has shown it.
#[derive(Default)]
struct Shown {
    chain: Option<ControlChain>,
    /// What the author of the last record had seen.
    seen: Option<Cursor>,
}

/// What one try came to.
enum Outcome {
    Member(Option<EpochKey>),
    Waiting,
}

struct Joining<'a> {
    client: &'a Shared,
    socket: &'a Socket,
    link: &'a InviteLink,
    keys: InviteKeys,
    shown: Shown,
}

impl Client {
    /// Joins a space by a link.
    ///
    /// # Errors
    /// [`Error::Refused`] if the invite was used up, revoked, voided or has expired; [`Error::Integrity`] if the relay shows a
    /// space that does not hold together; [`Error::Usage`] for a link that leads to another relay.
    pub async fn join(&self, link: &InviteLink) -> Result<Joined, Error> {
        let origin = self.shared().config.relay.origin();
        if link.relay_url() != origin {
            let to = link.relay_url();
            return Err(Error::usage(format!(
                "the link leads to the relay {to}, and this account is at {origin}"
            )));
        }
        let socket = self.socket()?;
        let joining = Joining {
            client: self.shared(),
            socket: &socket,
            link,
            keys: InviteKeys::of(link),
            shown: Shown::default(),
        };
        match joining.run(&mut entropy::system()).await {
            Ok(Outcome::Waiting) => {
                self.shared().note_waiting(link.space_id(), true).await;
                Ok(Joined::Waiting(link.space_id()))
            }
            Ok(Outcome::Member(key)) => {
                self.shared().note_waiting(link.space_id(), false).await;
                self.enter(link.space_id(), key).await.map(Joined::Member)
            }
            // What was used up may have been used up by this very account: its answer was lost, or it was not told any more.
            Err(error) if error.code() == Some(ErrorCode::InviteVoid) => {
                let is_in = self.space_of_member(link.space_id()).await?;
                if is_in.is_none() {
                    self.shared().note_who_was_turned_away(link.space_id()).await;
                }
                is_in.map(Joined::Member).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The space, if the verified chain has this account as a member.
    async fn space_of_member(&self, space_id: SpaceId) -> Result<Option<Space>, Error> {
        let space = match self.opened(space_id).await {
            Err(Error::Refused(_)) => return Ok(None),
            opened => opened?,
        };
        let me = self.shared().identity.id();
        let chain_has_me = space.core().with_fold(|fold| fold.chain().member(&me).is_some());
        if !chain_has_me.await? {
            return Ok(None);
        }
        space.pin().await;
        Ok(Some(space))
    }

    /// Opens the space that was joined. The secret that the invite carried is the own one from here on.
    async fn enter(&self, space_id: SpaceId, key: Option<EpochKey>) -> Result<Space, Error> {
        let space = self.opened(space_id).await?;
        if let Some(key) = key {
            space.core().adopt_key(key).await?;
        }
        space.pin().await;
        Ok(space)
    }

    /// The space, verified up to where the relay's log ends now. A space that is open since before may hear only here that an
    /// earlier membership has ended; that is no word on the new one.
    async fn opened(&self, space_id: SpaceId) -> Result<Space, Error> {
        let space = self.space(space_id).await?;
        match space.sync().await {
            Err(error) if error.code() == Some(ErrorCode::NotAMember) => {}
            synced => return synced.map(|_| space),
        }
        let anew = self.space(space_id).await?;
        anew.sync().await?;
        Ok(anew)
    }
}

impl Joining<'_> {
    async fn run(mut self, rng: &mut impl CryptoRng) -> Result<Outcome, Error> {
        let mut backoff = Backoff::new(&mut *rng);
        let mut last_error = Error::usage("the space is changed too often by others; try again");
        for _ in 0..ATTEMPTS {
            match self.attempt(backoff.rng()).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) if error.code() == Some(ErrorCode::ControlConflict) => last_error = error,
                Err(error) if error.is_transient() => {
                    let hint = match &error {
                        Error::Refused(refusal) => refusal.retry_after,
                        _ => None,
                    };
                    last_error = error;
                    sleep(backoff.next_delay(hint)).await;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last_error)
    }

    async fn attempt(&mut self, rng: &mut impl CryptoRng) -> Result<Outcome, Error> {
        let wrap = self.read_chain().await?;
        let me = self.client.identity.id();
        let chain = self.shown.chain.as_ref().ok_or_else(nothing_shown)?;
        if chain.member(&me).is_some() {
            return Ok(Outcome::Member(None));
        }
        if chain.applicant(&me).is_some() {
            return Ok(Outcome::Waiting);
        }
        let invite = chain.invite(self.keys.public());
        let invite = invite.ok_or_else(|| denied(ChainError::InviteVoid))?.clone();
        let key = if invite.carries_secret {
            Some(self.open(chain, &wrap)?)
        } else {
            None
        };
        let record = self.accept(chain, key.as_ref(), rng)?;
        publish_one(self.socket, &self.link.space_id(), record).await?;
        Ok(match invite.needs_approval {
            true => Outcome::Waiting,
            false => Outcome::Member(key),
        })
    }

    /// Reads on to the end of the chain; returns the wrap of the current secret to the invite.
    async fn read_chain(&mut self) -> Result<Bytes, Error> {
        loop {
            let after = self.shown.chain.as_ref().map_or(0, ControlChain::index);
            let fetched = self.socket.fetch_invite(self.lookup(after)).await?;
            for record in &fetched.controls {
                self.shown.take(record, &self.link.space_id())?;
            }
            let index = self.shown.chain.as_ref().map_or(0, ControlChain::index);
            if index >= fetched.control_index {
                return Ok(fetched.wrap);
            }
            if fetched.controls.is_empty() {
                return Err(self.alarm("the relay keeps back records of the space"));
            }
        }
    }

    fn lookup(&self, after: u64) -> FetchInvite {
        let (space_id, me) = (self.link.space_id(), self.client.identity.id());
        let signature = sign_invite_lookup(self.keys.signing_key(), &space_id, &me);
        FetchInvite {
            space_id: space_id.to_bytes(),
            invite_key: Bytes::copy_from_slice(self.keys.public().as_bytes()),
            signature: Bytes::copy_from_slice(&signature),
            after_control_index: after,
        }
    }

    fn open(&self, chain: &ControlChain, wrap: &[u8]) -> Result<EpochKey, Error> {
        let epoch = chain.epoch().ok_or_else(nothing_shown)?;
        let at = EpochRef {
            space_id: chain.space_id(),
            epoch: epoch.number,
            key_id: epoch.key_id,
        };
        let opened = self.keys.open_wrap(wrap, &at);
        opened.map_err(|_| self.alarm("the secret that the invite should carry is not the space's"))
    }

    fn accept(
        &self,
        chain: &ControlChain,
        key: Option<&EpochKey>,
        rng: &mut impl CryptoRng,
    ) -> Result<SignedControl, Error> {
        let me = &self.client.identity;
        let wrap = key.map(|key| seal_wrap(key, me.manifest(), rng)).transpose();
        let body = Body::AcceptInvite(wire::AcceptInvite {
            invite_key: Bytes::copy_from_slice(self.keys.public().as_bytes()),
            manifest: me.manifest().bytes().clone(),
            wrap: wrap
                .map_err(|error| Error::usage(error.to_string()))?
                .unwrap_or_default(),
        });
        let seen = self.shown.seen.unwrap_or(Cursor::start(&chain.space_id()));
        let record = sign_control(&chain.next_link(seen), &me.id(), body, me.signing_key());
        let record = co_sign_control(record, self.keys.signing_key());
        let parsed = ParsedControl::parse(&record).expect("a record made here is well-formed");
        chain.clone().append(&parsed).map_err(denied)?;
        Ok(record)
    }

    fn alarm(&self, what: &str) -> Error {
        let space_id = Some(self.link.space_id());
        let alarm = Alarm {
            space_id,
            ..Alarm::new(what)
        };
        alarm.into()
    }
}

impl Shown {
    /// Verifies the next record.
    fn take(&mut self, record: &SignedControl, space_id: &SpaceId) -> Result<(), Error> {
        let lie = |why: String| -> Error {
            Alarm {
                space_id: Some(*space_id),
                ..Alarm::new(format!(
                    "the relay shows a space that breaks its own rules: {why}"
                ))
            }
            .into()
        };
        let parsed = ParsedControl::parse(record).map_err(|error| lie(error.to_string()))?;
        if parsed.space_id() != *space_id {
            return Err(lie("it is another space".to_owned()));
        }
        match &mut self.chain {
            Some(chain) => chain.append(&parsed).map_err(|error| lie(error.to_string()))?,
            None => {
                let begun = ControlChain::from_genesis(&parsed);
                self.chain = Some(begun.map_err(|error| lie(error.to_string()))?);
            }
        }
        if let Link::Next { seen, .. } = parsed.link {
            self.seen = Some(seen);
        }
        Ok(())
    }
}

fn nothing_shown() -> Error {
    Error::alarm("the relay shows nothing of the space that the link leads to")
}

/// What the rules say to a joiner.
fn denied(error: ChainError) -> Error {
    let message = match &error {
        ChainError::InviteVoid => {
            "the invite is not open any more: it was revoked, used up, or ended when somebody was removed; ask for a new link"
                .to_owned()
        }
        other => other.to_string(),
    };
    Refusal::by_the_rules(fold::Refusal::from(error).code(), message).into()
}
