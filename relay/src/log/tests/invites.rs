//! Invites: what a joiner gets before it is a member, and how it becomes one.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use sealpost_protocol::chain::{Capabilities, ControlChain, invite_recipient};
use sealpost_protocol::control::{ParsedControl, co_sign_control, sign_control};
use sealpost_protocol::invite::sign_invite_lookup;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::wire::{self, control_record::Body};
use time::Duration;

use super::actors::Actor;
use super::chat::{Chat, acked, control_entry, key_id, remove, sealed_wrap};
use super::healing::restored;
use crate::log::{LogError, LogLimits, LogService};
use crate::testing::TestLog;

/// What the link holds.
struct Link {
    key: SigningKey,
    hpke_key: Bytes,
}

impl Link {
    fn new(seed: u8) -> Self {
        Self {
            key: SigningKey::from_bytes(&[seed; 32]),
            hpke_key: vec![seed; limits::HPKE_KEY].into(),
        }
    }

    fn public(&self) -> PublicKey {
        PublicKey::of(&self.key)
    }

    fn key_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.public().as_bytes())
    }

    fn create(&self, chat: &Chat, uses: u32, needs_approval: bool, expires_at_s: u64) -> Body {
        let recipient = invite_recipient(&self.public(), &self.hpke_key).id();
        let epoch = chat.next_epoch() - 1;
        let wrap = if needs_approval {
            Bytes::new()
        } else {
            sealed_wrap(epoch, &recipient)
        };
        Body::CreateInvite(wire::CreateInvite {
            invite_key: self.key_bytes(),
            capabilities: Capabilities::WRITE.bits(),
            expires_at_s,
            uses,
            needs_approval,
            hpke_key: self.hpke_key.clone(),
            wrap,
        })
    }

    async fn fetch(
        &self,
        relay: &LogService,
        chat: &Chat,
        joiner: &Actor,
        after_control_index: u64,
    ) -> Result<wire::FetchedInvite, LogError> {
        let signature = sign_invite_lookup(&self.key, &chat.id(), &joiner.id());
        let request = wire::FetchInvite {
            space_id: chat.id().to_bytes(),
            invite_key: self.key_bytes(),
            signature: Bytes::copy_from_slice(&signature),
            after_control_index,
        };
        relay.fetch_invite(&joiner.principal(), chat.id(), request).await
    }

    fn accept(&self, chain: &ControlChain, chat: &Chat, joiner: &Actor) -> wire::Entry {
        let carries = chain
            .invite(&self.public())
            .is_some_and(|invite| invite.carries_secret);
        let wrap = sealed_wrap(chain.epoch_number(), &joiner.id());
        let body = Body::AcceptInvite(wire::AcceptInvite {
            invite_key: self.key_bytes(),
            manifest: joiner.manifest.bytes().clone(),
            wrap: if carries { wrap } else { Bytes::new() },
        });
        let record = sign_control(&chain.next_link(chat.cursor()), &joiner.id(), body, &joiner.key);
        control_entry(co_sign_control(record, &self.key))
    }
}

/// The chain that a joiner makes of what it was given.
fn folded(controls: &[wire::SignedControl]) -> ControlChain {
    let mut records = controls
        .iter()
        .map(|control| ParsedControl::parse(control).unwrap());
    let mut chain = ControlChain::from_genesis(&records.next().unwrap()).unwrap();
    records.for_each(|record| chain.append(&record).unwrap());
    chain
}

async fn code(relay: &LogService, chat: &Chat, joiner: &Actor, entry: wire::Entry) -> String {
    let outcome = chat.publish(relay, joiner, vec![entry]).await;
    outcome
        .refusal
        .map_or_else(String::new, |refusal| refusal.code().to_string())
}

#[tokio::test]
async fn link_holder_fetches_verifies_and_joins_with_no_member_there() {
    let (log, alice, bob, link) = (TestLog::new().await, Actor::alice(), Actor::bob(), Link::new(77));
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let create = link.create(&chat, 1, false, 0);
    chat.control(&relay, &alice, create).await.unwrap();
    let recipient = invite_recipient(&link.public(), &link.hpke_key).id();
    let fetched = link.fetch(&relay, &chat, &bob, 0).await.unwrap();
    let chain = folded(&fetched.controls);
    assert_eq!(&chain, chat.fold.chain());
    assert_eq!(fetched.control_index, chain.index());
    assert_eq!(fetched.wrap, sealed_wrap(1, &recipient));
    chat.rekey(&relay, &alice).await.unwrap();
    let late = link.accept(&chain, &chat, &bob);
    assert_eq!(code(&relay, &chat, &bob, late).await, "control_conflict");
    let fetched = link.fetch(&relay, &chat, &bob, chain.index()).await.unwrap();
    assert_eq!(
        (fetched.controls.len(), fetched.wrap),
        (1, sealed_wrap(2, &recipient))
    );
    let accept = link.accept(chat.fold.chain(), &chat, &bob);
    acked(chat.publish(&relay, &bob, vec![accept.clone()]).await);
    chat.fold_entry(&accept);
    assert_eq!(
        chat.wrap(&relay, &bob, 2).await,
        Ok((key_id(2), sealed_wrap(2, &bob.id())))
    );
    chat.say(&relay, &bob, "I am in").await;
    assert_eq!(relay.spaces_of(&bob.id()).await.unwrap().len(), 1);
    let again = acked(chat.publish(&relay, &bob, vec![accept]).await)[0];
    assert!(again.duplicate);
}

#[tokio::test]
async fn void_used_up_and_unknown_invites_look_alike() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.add(&relay, &alice, &bob).await;
    let carol = Actor::new(3);
    let links = [Link::new(77), Link::new(78), Link::new(79)];
    for link in &links[..2] {
        let create = link.create(&chat, 1, false, 0);
        chat.control(&relay, &alice, create).await.unwrap();
    }
    let revoke = Body::RevokeInvite(wire::RevokeInvite {
        invite_key: links[0].key_bytes(),
    });
    chat.control(&relay, &alice, revoke).await.unwrap();
    let removal = chat.removal(&relay, &alice, &bob).await;
    chat.all(&relay, &alice, removal).await;
    for link in &links {
        let accept = link.accept(chat.fold.chain(), &chat, &carol);
        assert_eq!(code(&relay, &chat, &carol, accept).await, "invite_void");
        assert_eq!(
            link.fetch(&relay, &chat, &carol, 0).await,
            Err(LogError::InviteVoid)
        );
    }
    let (nowhere, _) = Chat::draft(&Actor::new(9), wire::Policy::default());
    assert_eq!(
        links[0].fetch(&relay, &nowhere, &carol, 0).await,
        Err(LogError::InviteVoid)
    );
}

#[tokio::test]
async fn expired_invite_is_refused_by_the_relays_clock() {
    let (log, alice, bob, link) = (TestLog::new().await, Actor::alice(), Actor::bob(), Link::new(77));
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let expiry = u64::try_from(crate::clock::Clock::now(&*log.clock).unix_timestamp()).unwrap() + 60;
    let create = link.create(&chat, 1, false, expiry);
    chat.control(&relay, &alice, create).await.unwrap();
    link.fetch(&relay, &chat, &bob, 0).await.unwrap();
    log.clock.advance(Duration::seconds(60));
    let accept = link.accept(chat.fold.chain(), &chat, &bob);
    assert_eq!(code(&relay, &chat, &bob, accept).await, "invite_expired");
    assert_eq!(
        link.fetch(&relay, &chat, &bob, 0).await,
        Err(LogError::InviteExpired)
    );
}

#[tokio::test]
async fn request_for_another_joiner_or_by_another_key_is_refused() {
    let (log, alice, bob, link) = (TestLog::new().await, Actor::alice(), Actor::bob(), Link::new(77));
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let create = link.create(&chat, 1, false, 0);
    chat.control(&relay, &alice, create).await.unwrap();
    let forged = Link {
        key: SigningKey::from_bytes(&[1; 32]),
        ..Link::new(77)
    };
    for (key, joiner) in [(&forged.key, &bob), (&link.key, &alice)] {
        let request = wire::FetchInvite {
            space_id: chat.id().to_bytes(),
            invite_key: link.key_bytes(),
            signature: Bytes::copy_from_slice(&sign_invite_lookup(key, &chat.id(), &joiner.id())),
            after_control_index: 0,
        };
        let refused = relay.fetch_invite(&bob.principal(), chat.id(), request).await;
        assert_eq!(refused.unwrap_err().code().as_str(), "bad_signature");
    }
}

#[tokio::test]
async fn who_waits_for_approval_sees_the_chain_but_no_secret_and_no_content() {
    let (log, alice, bob, link) = (TestLog::new().await, Actor::alice(), Actor::bob(), Link::new(77));
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let create = link.create(&chat, 1, true, 0);
    chat.control(&relay, &alice, create).await.unwrap();
    let accept = link.accept(chat.fold.chain(), &chat, &bob);
    acked(chat.publish(&relay, &bob, vec![accept.clone()]).await);
    chat.fold_entry(&accept);
    let fetched = link.fetch(&relay, &chat, &bob, 0).await.unwrap();
    assert_eq!(
        (folded(&fetched.controls).index(), fetched.wrap),
        (4, Bytes::new())
    );
    let subscribed = relay.subscribe(&bob.principal(), chat.id(), chat.start()).await;
    assert_eq!(subscribed.err(), Some(LogError::NotAMember));
    assert_eq!(chat.wrap(&relay, &bob, 1).await, Err(LogError::NotAMember));
    chat.add(&relay, &alice, &bob).await;
    chat.wrap(&relay, &bob, 1).await.unwrap();
    chat.control(&relay, &alice, remove(&bob)).await.unwrap();
    assert_eq!(
        link.fetch(&relay, &chat, &bob, 0).await,
        Err(LogError::InviteVoid)
    );
}

#[tokio::test]
async fn two_joiners_at_two_relays_share_no_single_use() {
    let (log, alice, link) = (TestLog::new().await, Actor::alice(), Link::new(77));
    let relays = [log.relay().await, log.relay().await];
    let mut chat = Chat::create(&relays[0], &alice).await;
    let create = link.create(&chat, 1, false, 0);
    chat.control(&relays[0], &alice, create).await.unwrap();
    let joiners = [Actor::new(40), Actor::new(41)];
    let accepts = joiners
        .each_ref()
        .map(|joiner| link.accept(chat.fold.chain(), &chat, joiner));
    let codes = tokio::join!(
        code(&relays[0], &chat, &joiners[0], accepts[0].clone()),
        code(&relays[1], &chat, &joiners[1], accepts[1].clone()),
    );
    let mut codes = [codes.0, codes.1];
    codes.sort();
    assert_eq!(codes, ["", "control_conflict"]);
}

#[tokio::test]
async fn nobody_joins_by_an_invite_that_was_open_at_the_backup() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let before = log.relay().await;
    let mut chat = Chat::create(&before, &alice).await;
    let (old, new) = (Link::new(77), Link::new(78));
    let create = old.create(&chat, 2, false, 0);
    chat.control(&before, &alice, create).await.unwrap();
    before.drain().await;
    let limits = LogLimits {
        recovering_for: std::time::Duration::ZERO,
        ..LogLimits::default()
    };
    let after = restored(&log, chat.cursor().seq, limits).await;
    let entry = old.accept(chat.fold.chain(), &chat, &bob);
    assert_eq!(code(&after, &chat, &bob, entry).await, "invite_void");
    assert_eq!(old.fetch(&after, &chat, &bob, 0).await, Err(LogError::InviteVoid));
    let create = new.create(&chat, 1, false, 0);
    chat.control(&after, &alice, create).await.unwrap();
    let entry = new.accept(chat.fold.chain(), &chat, &bob);
    assert_eq!(code(&after, &chat, &bob, entry).await, "");
}
