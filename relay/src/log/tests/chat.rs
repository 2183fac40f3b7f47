//! A client's half of a space: it folds what it sends and reads, and makes the next entries from that.

use bytes::Bytes;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::control::{Link, ParsedControl, sign_control};
use sealpost_protocol::event::{EventHeader, sign_event};
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{KeyId, PrincipalId, Root, SpaceId};
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, control_record::Body, entry::Kind};
use sealpost_protocol::wrap::{Recipient, wrap_hash, wraps_digest};

use super::actors::Actor;
use crate::log::{Ack, LogError, LogService, PublishOutcome, Reader, Subscription};

/// A space as one client knows it.
#[derive(Clone)]
pub struct Chat {
    pub fold: SpaceFold,
    /// The fold at the genesis record.
    first: SpaceFold,
    roots: Vec<Root>,
    /// Rekeys that were drafted before and came to nothing: each draft has a secret of its own.
    pub lost_drafts: u64,
}

impl Chat {
    /// A space that only its creator knows so far, and its genesis record.
    pub fn draft(owner: &Actor, policy: wire::Policy) -> (Self, wire::Entry) {
        let genesis = wire::Genesis {
            salt: owner.writer.as_bytes().repeat(2).into(),
            manifest: owner.manifest.bytes().clone(),
            policy: Some(policy),
        };
        let record = sign_control(&Link::Genesis, &owner.id(), Body::Genesis(genesis), &owner.key);
        let fold = SpaceFold::from_genesis(&ParsedControl::parse(&record).unwrap()).unwrap();
        let roots = vec![Cursor::start(&fold.space_id()).root, fold.cursor().root];
        let first = fold.clone();
        let chat = Self {
            fold,
            first,
            roots,
            lost_drafts: 0,
        };
        (chat, control_entry(record))
    }

    /// A space at epoch 1 that shares history.
    pub async fn create(relay: &LogService, owner: &Actor) -> Self {
        Self::create_with(relay, owner, 0).await
    }

    /// The same, with a retention time in seconds.
    pub async fn create_with(relay: &LogService, owner: &Actor, retention_seconds: u64) -> Self {
        let policy = wire::Policy {
            share_history: true,
            retention_seconds,
        };
        let (mut chat, genesis) = Self::draft(owner, policy);
        acked(chat.publish(relay, owner, vec![genesis]).await);
        chat.rekey(relay, owner).await.unwrap();
        chat
    }

    pub fn id(&self) -> SpaceId {
        self.fold.space_id()
    }

    pub fn cursor(&self) -> Cursor {
        self.fold.cursor()
    }

    pub fn start(&self) -> Cursor {
        Cursor::start(&self.id())
    }

    /// The root at a place.
    pub fn at(&self, seq: u64) -> Cursor {
        let root = self.roots[usize::try_from(seq).unwrap()];
        Cursor { seq, root }
    }

    /// The header of an author's next event.
    pub fn header(&self, author: &Actor) -> EventHeader {
        let chain = self.fold.chain();
        let position = self.fold.writers().position(&author.id(), &author.writer);
        EventHeader {
            space_id: self.id(),
            epoch: chain.epoch().unwrap().number,
            key_id: chain.epoch().unwrap().key_id,
            principal_id: author.id(),
            writer_id: author.writer,
            writer_index: position.map_or(0, |position| position.last_index) + 1,
            previous_event_id: position.map(|position| position.last_event_id),
            control_index: chain.index(),
            control_head: chain.head(),
            seen: self.cursor(),
            nonce: [7; limits::NONCE],
        }
    }

    /// An author's next event. It is not folded yet.
    pub fn event(&self, author: &Actor, text: &str) -> wire::Entry {
        event_entry(&self.header(author), author, text)
    }

    /// Events of one author that follow each other, folded as if they had been read already.
    pub fn run(&mut self, author: &Actor, count: usize) -> Vec<wire::Entry> {
        let run = |n| {
            let entry = self.event(author, &format!("event {n}"));
            self.fold_entry(&entry);
            entry
        };
        (0..count).map(run).collect()
    }

    /// Folds what was read or acked, with every check of a client.
    pub fn fold_entry(&mut self, entry: &wire::Entry) -> Cursor {
        let roots = |seq: u64| self.roots.get(usize::try_from(seq).ok()?).copied();
        let cursor = match entry.kind.as_ref().unwrap() {
            Kind::Event(event) => {
                let event = self.fold.verify_event(event).unwrap();
                self.fold.check_event(&event, &roots).unwrap();
                self.fold.append_event(&event)
            }
            Kind::Control(control) => {
                let record = ParsedControl::parse(control).unwrap();
                self.fold.append_control(&record, &roots).unwrap()
            }
        };
        self.roots.push(cursor.root);
        cursor
    }

    /// What a client knows that has the genesis record only, and a subscription from there on.
    pub async fn subscribed(&self, relay: &LogService, reader: &Actor) -> (Self, Subscription) {
        let fresh = Self {
            fold: self.first.clone(),
            first: self.first.clone(),
            roots: self.roots[..2].to_vec(),
            lost_drafts: 0,
        };
        let subscription = relay
            .subscribe(&reader.principal(), self.id(), fresh.cursor())
            .await
            .unwrap();
        (fresh, subscription)
    }

    pub async fn publish(
        &self,
        relay: &LogService,
        author: &Actor,
        entries: Vec<wire::Entry>,
    ) -> PublishOutcome {
        relay.publish(&author.principal(), self.id(), entries).await
    }

    /// Publishes an author's next event, and folds it.
    pub async fn say(&mut self, relay: &LogService, author: &Actor, text: &str) -> Ack {
        let entry = self.event(author, text);
        let ack = acked(self.publish(relay, author, vec![entry.clone()]).await)[0];
        assert_eq!(self.fold_entry(&entry), ack.cursor);
        ack
    }

    /// Publishes a control record, and folds it.
    pub async fn control(
        &mut self,
        relay: &LogService,
        author: &Actor,
        body: Body,
    ) -> Result<Cursor, LogError> {
        let entry = self.record(author, body);
        let outcome = self.publish(relay, author, vec![entry.clone()]).await;
        match outcome.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(self.fold_entry(&entry)),
        }
    }

    /// An author's control record for the next place of the chain.
    pub fn record(&self, author: &Actor, body: Body) -> wire::Entry {
        let link = self.fold.chain().next_link(self.cursor());
        control_entry(sign_control(&link, &author.id(), body, &author.key))
    }

    /// The records that remove a member and rekey, as the remover sends them; the wraps are staged.
    pub async fn removal(&self, relay: &LogService, author: &Actor, removed: &Actor) -> Vec<wire::Entry> {
        let remove = self.record(author, remove(removed));
        let mut after = self.clone();
        after.fold_entry(&remove);
        after
            .stage(relay, author, after.next_epoch(), &after.members())
            .await
            .unwrap();
        let mut rekey = self.clone();
        rekey.fold_entry(&remove);
        // Sent together, the second record has not seen the first one's place.
        let link = rekey.fold.chain().next_link(self.cursor());
        let body = rekey.rekey_body();
        vec![
            remove,
            control_entry(sign_control(&link, &author.id(), body, &author.key)),
        ]
    }

    /// Publishes records and folds them.
    pub async fn all(&mut self, relay: &LogService, author: &Actor, entries: Vec<wire::Entry>) {
        acked(self.publish(relay, author, entries.clone()).await);
        for entry in &entries {
            self.fold_entry(entry);
        }
    }

    pub async fn rekey(&mut self, relay: &LogService, author: &Actor) -> Result<Cursor, LogError> {
        let body = self.rekey_body();
        self.stage(relay, author, self.next_epoch(), &self.members())
            .await
            .unwrap();
        self.control(relay, author, body).await
    }

    pub async fn add(&mut self, relay: &LogService, author: &Actor, newcomer: &Actor) {
        let epoch = self.fold.chain().epoch().unwrap().number;
        self.stage(relay, author, epoch, &[newcomer.id()]).await.unwrap();
        self.control(relay, author, self.add_body(newcomer))
            .await
            .unwrap();
    }

    pub fn next_epoch(&self) -> u64 {
        self.fold.chain().epoch().map_or(0, |epoch| epoch.number) + 1
    }

    /// Whom a rekey wraps to.
    pub fn members(&self) -> Vec<PrincipalId> {
        let recipients = self.fold.chain().recipients();
        recipients.iter().map(Recipient::id).collect()
    }

    /// The chain's for an epoch that began; the next draft's for the next.
    fn key_id(&self, epoch: u64) -> KeyId {
        if let Some(begun) = self.fold.chain().epoch_at(epoch) {
            return begun.key_id;
        }
        let mut bytes = *key_id(epoch).as_bytes();
        for (byte, lost) in bytes.iter_mut().zip(self.lost_drafts.to_le_bytes()) {
            *byte ^= lost;
        }
        KeyId::new(bytes)
    }

    pub fn rekey_body(&self) -> Body {
        let epoch = self.next_epoch();
        let wraps: Vec<(PrincipalId, Digest32)> = self
            .members()
            .into_iter()
            .map(|member| (member, wrap_hash(&sealed_wrap(epoch, &member))))
            .collect();
        let shares = self.fold.chain().policy().share_history && epoch > 1;
        let history = if shares { limits::SEALED_PREVIOUS } else { 0 };
        Body::Rekey(wire::Rekey {
            epoch,
            key_id: self.key_id(epoch).to_bytes(),
            wraps_digest: Bytes::copy_from_slice(&wraps_digest(&wraps)),
            wrap_count: u32::try_from(wraps.len()).unwrap(),
            sealed_previous: vec![7; history].into(),
        })
    }

    pub fn add_body(&self, newcomer: &Actor) -> Body {
        let epoch = self.fold.chain().epoch().unwrap().number;
        let hash = wrap_hash(&sealed_wrap(epoch, &newcomer.id()));
        Body::AddMember(wire::AddMember {
            manifest: newcomer.manifest.bytes().clone(),
            capabilities: Capabilities::WRITE.bits(),
            wrap_hash: Bytes::copy_from_slice(&hash),
        })
    }

    /// What a member fetches as its wrap.
    pub async fn wrap(
        &self,
        relay: &LogService,
        member: &Actor,
        epoch: u64,
    ) -> Result<(KeyId, Bytes), LogError> {
        self.wrap_but(relay, member, epoch, &[]).await
    }

    /// The same, when these are of no use.
    pub async fn wrap_but(
        &self,
        relay: &LogService,
        member: &Actor,
        epoch: u64,
        unusable: &[Digest32],
    ) -> Result<(KeyId, Bytes), LogError> {
        let request = wire::FetchWrap {
            space_id: self.id().to_bytes(),
            epoch,
            unusable: unusable.iter().map(|hash| Bytes::copy_from_slice(hash)).collect(),
        };
        relay.fetch_wrap(&member.principal(), self.id(), &request).await
    }

    pub async fn stage(
        &self,
        relay: &LogService,
        author: &Actor,
        epoch: u64,
        recipients: &[PrincipalId],
    ) -> Result<u32, LogError> {
        let wrap = |recipient: &PrincipalId| wire::Wrap {
            recipient: recipient.to_bytes(),
            sealed: sealed_wrap(epoch, recipient),
        };
        let request = wire::StageWraps {
            space_id: self.id().to_bytes(),
            epoch,
            key_id: self.key_id(epoch).to_bytes(),
            wraps: recipients.iter().map(wrap).collect(),
        };
        relay.stage_wraps(&author.principal(), self.id(), request).await
    }
}

/// Reads up to a place, folding every entry as a client would; returns how many pages that took.
pub async fn read_to(reader: &mut Reader, chat: &mut Chat, seq: u64, max_bytes: usize) -> usize {
    let mut pages = 0;
    while chat.cursor().seq < seq {
        for page in reader.next_pages(max_bytes).await.unwrap() {
            assert_eq!(page.first_seq, chat.cursor().seq + 1);
            for entry in page.entries() {
                chat.fold_entry(&entry.decode().unwrap());
            }
            assert_eq!(page.last, chat.cursor());
            pages += 1;
        }
    }
    pages
}

pub fn remove(member: &Actor) -> Body {
    Body::RemoveMember(wire::RemoveMember {
        principal_id: member.id().to_bytes(),
    })
}

pub fn event_entry(header: &EventHeader, author: &Actor, text: &str) -> wire::Entry {
    let ciphertext = format!("{text:.<40}").into_bytes();
    let event = sign_event(header, ciphertext.into(), &author.key);
    wire::Entry {
        kind: Some(Kind::Event(event)),
    }
}

pub fn control_entry(control: wire::SignedControl) -> wire::Entry {
    wire::Entry {
        kind: Some(Kind::Control(control)),
    }
}

pub fn key_id(epoch: u64) -> KeyId {
    KeyId::new([u8::try_from(epoch).unwrap(); 32])
}

/// Stands for a secret of this epoch, sealed to this recipient: the relay cannot tell.
pub fn sealed_wrap(epoch: u64, recipient: &PrincipalId) -> Bytes {
    let mut wrap = vec![u8::try_from(epoch).unwrap(); limits::WRAP];
    wrap[..32].copy_from_slice(recipient.as_bytes());
    wrap.into()
}

/// The acks of a publish that was not refused.
pub fn acked(outcome: PublishOutcome) -> Vec<Ack> {
    assert_eq!(outcome.refusal, None);
    outcome.acks
}
