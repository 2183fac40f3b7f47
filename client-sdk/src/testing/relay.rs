//! The test's side of a connection, with a log behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::ids::{PrincipalId, SpaceId, WriterId};
use sealpost_protocol::invite::verify_invite_lookup;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use sealpost_protocol::wire::{self, Entry, Nack};
use sealpost_protocol::wrap::wrap_hash;

use tokio::sync::{Mutex, Notify};

use super::log::{RECEIPT, TestLog};
use super::person;
use super::stage::ALICE;
use super::wire::RelaySide;

/// Answers from a log, one frame at a time, until the test wants it otherwise.
pub(crate) struct Script {
    pub(crate) relay: RelaySide,
    pub(crate) log: TestLog,
    client: PrincipalId,
    /// Subscriptions and how far each was served.
    subscriptions: BTreeMap<u64, u64>,
    /// Everything that was offered: no two events for one (writer, index, epoch).
    offered: BTreeMap<(WriterId, u64, u64), Entry>,
    /// Who waits for which wrap.
    wanted: Vec<wire::WrapRequest>,
}

impl Script {
    pub(crate) fn new(relay: RelaySide, log: TestLog, client: PrincipalId) -> Self {
        Self {
            relay,
            log,
            client,
            subscriptions: BTreeMap::new(),
            offered: BTreeMap::new(),
            wanted: Vec::new(),
        }
    }

    /// The log behind the next connection of the client: what was offered before still counts.
    pub(crate) fn reconnected(self, relay: RelaySide) -> Self {
        Self {
            relay,
            subscriptions: BTreeMap::new(),
            ..self
        }
    }

    /// From here on the client is another install, restored from a backup.
    pub(crate) fn forget_offers(&mut self) {
        self.offered.clear();
    }

    /// Answers one frame as the log has it; returns the frame.
    pub(crate) async fn step(&mut self) -> ClientBody {
        let (id, body) = self.relay.receive().await;
        self.answer(id, body.clone()).await;
        body
    }

    /// Answers frames until one is a Publish, which is left to the test.
    pub(crate) async fn until_publish(&mut self) -> (u64, wire::Publish) {
        loop {
            let (id, body) = self.relay.receive().await;
            match body {
                ClientBody::Publish(publish) => return (id, publish),
                other => self.answer(id, other).await,
            }
        }
    }

    /// Answers every frame as the log has it, until the client hangs up.
    pub(crate) async fn serve(mut self) -> Self {
        while let Some((id, body)) = self.relay.try_receive().await {
            self.answer(id, body).await;
        }
        self
    }

    pub(crate) async fn answer(&mut self, id: u64, body: ClientBody) {
        match body {
            ClientBody::Subscribe(from) => self.subscribe(id, &from).await,
            ClientBody::Publish(publish) => self.publish(id, publish).await,
            ClientBody::FetchWrap(fetch) => self.fetch(id, &fetch).await,
            ClientBody::StageWraps(staged) => self.stage(id, staged).await,
            ClientBody::FetchInvite(fetch) => self.fetch_invite(id, &fetch).await,
            ClientBody::AskForWrap(ask) => {
                self.want(ask.epoch, self.client);
                self.relay.send(id, RelayBody::Done(wire::Done {})).await;
            }
            ClientBody::FetchWrapRequests(_) => {
                let requests = self.wanted.clone();
                self.relay
                    .send(id, RelayBody::WrapRequests(wire::WrapRequests { requests }))
                    .await;
            }
            ClientBody::Unsubscribe(ended) => {
                self.subscriptions.remove(&ended.subscription);
                self.relay.send(id, RelayBody::Done(wire::Done {})).await;
            }
            ClientBody::SendSignal(_) => {
                self.relay.send(id, RelayBody::Done(wire::Done {})).await;
            }
            ClientBody::Heal(heal) => {
                let at = self.log.cursor_at(heal.last_seq.min(self.log.head().seq));
                let (seq, root) = (at.seq, at.root.to_bytes());
                self.relay
                    .send(id, RelayBody::Healed(wire::Healed { seq, root }))
                    .await;
            }
            ClientBody::FetchCheckpoint(_) => {
                let signed = self.log.signed(self.log.head());
                self.relay.send(id, RelayBody::Checkpoint(signed)).await;
            }
            ClientBody::Authenticate(_) => panic!("the client is authenticated already"),
        }
    }

    async fn subscribe(&mut self, id: u64, from: &wire::Subscribe) {
        assert_eq!(SpaceId::try_from(&from.space_id[..]), Ok(self.log.space_id()));
        self.relay
            .send(id, RelayBody::Subscribed(self.log.subscribed()))
            .await;
        self.subscriptions.insert(id, from.after_seq);
        self.push().await;
    }

    /// Serves what each subscription has not had.
    pub(crate) async fn push(&mut self) {
        let head = self.log.head().seq;
        for (id, served) in &mut self.subscriptions {
            if *served < head {
                for page in self.log.pages_after(*served) {
                    self.relay.send(*id, RelayBody::Page(page)).await;
                }
                *served = head;
            }
        }
    }

    /// Ends each subscription with a code.
    pub(crate) async fn end_subscriptions(&mut self, code: &str) {
        let code = code.to_owned();
        self.end_subscriptions_with(Nack {
            code,
            ..Nack::default()
        })
        .await;
    }

    /// Ends each subscription for a reason.
    pub(crate) async fn end_subscriptions_with(&mut self, reason: Nack) {
        for (id, _) in std::mem::take(&mut self.subscriptions) {
            let reason = Some(reason.clone());
            let ended = RelayBody::SubscriptionEnded(wire::SubscriptionEnded { reason });
            self.relay.send(id, ended).await;
        }
    }

    /// Appends what may be appended, and answers with acks and perhaps a nack.
    pub(crate) async fn publish(&mut self, id: u64, publish: wire::Publish) {
        let published = self.append(publish);
        self.push().await;
        self.relay.send(id, RelayBody::Published(published)).await;
    }

    /// Appends what may be appended.
    pub(crate) fn append(&mut self, publish: wire::Publish) -> wire::Published {
        let mut published = wire::Published::default();
        for entry in publish.entries {
            self.expect_signed_once(&entry);
            match self.log.append(entry) {
                Ok(cursor) => published.acks.push(wire::Ack {
                    seq: cursor.seq,
                    root: cursor.root.to_bytes(),
                    receipt: Bytes::from_static(&RECEIPT),
                    duplicate: false,
                }),
                Err(refusal) => {
                    let code = refusal.code().to_string();
                    published.nack = Some(Nack {
                        code,
                        ..Nack::default()
                    });
                    break;
                }
            }
        }
        published
    }

    /// Fails the test if the client signed another event for the same place of its chain.
    fn expect_signed_once(&mut self, entry: &Entry) {
        let Some(Kind::Event(event)) = &entry.kind else {
            return;
        };
        let header = ParsedEvent::parse(event).unwrap().header;
        let place = (header.writer_id, header.writer_index, header.epoch);
        let first = self.offered.entry(place).or_insert_with(|| entry.clone());
        assert_eq!(first, entry, "two events were signed for {place:?}");
    }

    /// Notes that somebody asked for a wrap.
    pub(crate) fn want(&mut self, epoch: u64, recipient: PrincipalId) {
        let recipient = recipient.to_bytes();
        self.wanted.push(wire::WrapRequest { epoch, recipient });
    }

    async fn stage(&mut self, id: u64, staged: wire::StageWraps) {
        let of_epoch = |(epoch, _): &&(u64, PrincipalId)| *epoch == staged.epoch;
        for wrap in staged.wraps {
            self.wanted
                .retain(|wanted| (wanted.epoch, &wanted.recipient) != (staged.epoch, &wrap.recipient));
            let recipient = PrincipalId::try_from(&wrap.recipient[..]).unwrap();
            self.log.wraps.insert((staged.epoch, recipient), wrap.sealed);
        }
        let count = u32::try_from(self.log.wraps.keys().filter(of_epoch).count()).unwrap();
        self.relay
            .send(id, RelayBody::WrapsStaged(wire::WrapsStaged { count }))
            .await;
    }

    /// Two records at a time.
    async fn fetch_invite(&self, id: u64, fetch: &wire::FetchInvite) {
        let chain = self.log.fold.chain();
        let key = PublicKey::parse(&fetch.invite_key).unwrap();
        verify_invite_lookup(&key, &self.log.space_id(), &self.client, &fetch.signature).unwrap();
        if chain.invite(&key).is_none() && chain.applicant(&self.client).is_none() {
            return self.relay.nack(id, "invite_void").await;
        }
        let after = usize::try_from(fetch.after_control_index).unwrap();
        let records = self.log.entries.iter().filter_map(|entry| match &entry.kind {
            Some(Kind::Control(record)) => Some(record.clone()),
            _ => None,
        });
        let controls: Vec<_> = records.skip(after).take(2).collect();
        let is_last = (after + controls.len()) as u64 == chain.index();
        let recipient = chain.invite(&key).map(|invite| invite.recipient().id());
        let wrap = recipient.and_then(|id| self.log.wraps.get(&(chain.epoch_number(), id)));
        let fetched = wire::FetchedInvite {
            controls,
            control_index: chain.index(),
            wrap: wrap.filter(|_| is_last).cloned().unwrap_or_default(),
        };
        self.relay.send(id, RelayBody::FetchedInvite(fetched)).await;
    }

    async fn fetch(&self, id: u64, fetch: &wire::FetchWrap) {
        let wrap = self.log.wraps.get(&(fetch.epoch, self.client));
        let usable = |wrap: &&Bytes| !fetch.unusable.iter().any(|hash| hash[..] == wrap_hash(wrap)[..]);
        match wrap.filter(usable) {
            Some(sealed) => {
                let sealed = sealed.clone();
                let wrap = wire::FetchedWrap {
                    key_id: Bytes::new(),
                    sealed,
                };
                self.relay.send(id, RelayBody::FetchedWrap(wrap)).await;
            }
            None => self.relay.nack(id, "not_found").await,
        }
    }
}

/// A log that several connections write to.
pub(crate) struct SharedLog {
    log: Mutex<TestLog>,
    grown: Notify,
}

impl SharedLog {
    pub(crate) fn new(log: TestLog) -> Arc<Self> {
        Arc::new(Self {
            log: Mutex::new(log),
            grown: Notify::new(),
        })
    }

    /// The log as it is now.
    pub(crate) async fn now(&self) -> TestLog {
        self.log.lock().await.clone()
    }

    /// Serves one connection.
    pub(crate) async fn serve(self: Arc<Self>, relay: RelaySide) {
        let mut script = Script::new(relay, self.now().await, person(ALICE).id());
        loop {
            let grown = self.grown.notified();
            tokio::select! {
                frame = script.relay.try_receive() => {
                    let Some((id, body)) = frame else { return };
                    let mut log = self.log.lock().await;
                    script.log = log.clone();
                    script.answer(id, body).await;
                    *log = script.log.clone();
                    self.grown.notify_waiters();
                }
                () = grown => {
                    script.log = self.now().await;
                    script.push().await;
                }
            }
        }
    }
}
