//! The life of a space: members come and go, with a fault tried at each turn.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::control::{co_sign_control, sign_control};
use sealpost_protocol::ids::Root;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, PrincipalKind, control_record::Body, entry::Kind};

use super::File;
use super::log::{Log, add, key_id, rekey};
use super::people::Person;

const WRITER: Capabilities = Capabilities::WRITE;
const INVITER: Capabilities = Capabilities::WRITE.with(Capabilities::INVITE);

/// A refused record: the author, its body, the code, and why.
type Refused<'a> = (&'a Person, Body, &'a str, &'a str);

struct Story {
    log: Log,
    alice: Person,
    bob: Person,
    carol: Person,
    /// Carol's new keys.
    new: Person,
    agent: Person,
}

pub fn membership() -> File {
    let alice = Person::alice();
    let mut story = Story {
        log: Log::new(&alice),
        alice,
        bob: Person::bob(),
        carol: Person::carol(),
        new: Person::new(0xcb, PrincipalKind::Human),
        agent: Person::agent(),
    };
    story.invites();
    story.refused_while_calm();
    story.approval_and_rekey();
    story.removal();
    story.new_keys_and_leaving();
    story.resume();
    story.newcomer_without_history();
    story.tombstone();
    (
        "The life of a space, entry by entry, as in `log.json`. HPKE keys and wraps in it are only as long as real ones.",
        story.log.vectors,
    )
}

impl Story {
    fn invites(&mut self) {
        let (log, alice, bob, carol) = (&mut self.log, &self.alice, &self.bob, &self.carol);
        log.control(alice, rekey(1, 1, 0), "the first epoch");
        log.control(
            alice,
            invite(1, WRITER, 2),
            "Alice makes a link for two, which carries the secret",
        );
        let accepted = accept(log, bob, bob, 1, 1, limits::WRAP);
        log.append(
            accepted,
            "Bob joins by it, with nobody's help, and wraps the secret to himself",
        );
        log.control(alice, grant(bob, INVITER), "Bob may invite from now on");
        log.control(
            bob,
            with_approval(2),
            "Bob makes a link that needs approval, which carries nothing",
        );
        let accepted = accept(log, carol, carol, 2, 2, 0);
        log.append(accepted, "Carol asks to be let in by it: she is no member yet");
    }

    fn refused_while_calm(&mut self) {
        let (alice, bob, carol) = (&self.alice, &self.bob, &self.carol);
        let records: Vec<Refused> = vec![
            (
                carol,
                Body::Leave(wire::Leave {}),
                "not_a_member",
                "who waits for approval is no member",
            ),
            (
                alice,
                remove(alice),
                "control_invalid",
                "nobody removes themselves",
            ),
            (
                alice,
                remove(&self.new),
                "control_invalid",
                "a stranger is removed",
            ),
            (
                bob,
                remove(alice),
                "not_permitted",
                "a removal by a member without `manage`",
            ),
            (
                alice,
                Body::Leave(wire::Leave {}),
                "control_invalid",
                "nobody with `manage` would be left",
            ),
            (
                alice,
                grant(alice, WRITER),
                "control_invalid",
                "nobody with `manage` would be left, again",
            ),
            (
                bob,
                grant(bob, Capabilities::ALL),
                "not_permitted",
                "a member without `manage` raises himself",
            ),
            (
                alice,
                grant(carol, WRITER),
                "control_invalid",
                "who waits for approval has no capabilities to set",
            ),
            (
                bob,
                invite(3, Capabilities::MANAGE, 1),
                "not_permitted",
                "an invite for more than its maker has",
            ),
            (
                alice,
                invite(1, WRITER, 1),
                "control_invalid",
                "an invite with the key of an open one",
            ),
            (
                alice,
                invite(3, WRITER, 0),
                "control_invalid",
                "an invite without a use",
            ),
            (
                alice,
                invite(3, WRITER, 4097),
                "control_invalid",
                "an invite with too many uses",
            ),
            (
                alice,
                wrapless(3),
                "control_invalid",
                "history is shared but the invite carries no wrap",
            ),
            (
                bob,
                revoke(1),
                "not_permitted",
                "another's invite is revoked by a member without `manage`",
            ),
            (
                alice,
                revoke(3),
                "invite_void",
                "an invite is revoked that never was",
            ),
            (
                bob,
                policy(false, 0),
                "not_permitted",
                "the policy is set by a member without `manage`",
            ),
            (
                alice,
                add(&self.agent, INVITER),
                "control_invalid",
                "an agent gets `invite`",
            ),
            (
                bob,
                add(&self.agent, WRITER),
                "not_permitted",
                "an agent is added by a member without `manage`",
            ),
            (
                alice,
                rekey(2, 2, limits::SEALED_PREVIOUS),
                "control_invalid",
                "the open invite gets no wrap",
            ),
            (
                bob,
                Body::Tombstone(wire::Tombstone {}),
                "not_permitted",
                "a tombstone by a member without `manage`",
            ),
        ];
        refuse(&mut self.log, records);
        let (agent, new) = (&self.agent, &self.new);
        for (record, code, why) in [
            (
                accept(&self.log, bob, bob, 1, 1, limits::WRAP),
                "control_invalid",
                "a member accepts an invite",
            ),
            (
                accept(&self.log, agent, agent, 1, 1, limits::WRAP),
                "control_invalid",
                "an agent accepts an invite",
            ),
            (
                accept(&self.log, new, new, 1, 1, 0),
                "control_invalid",
                "an acceptance without the joiner's own wrap",
            ),
            (
                accept(&self.log, new, new, 3, 3, limits::WRAP),
                "invite_void",
                "an invite that never was is accepted",
            ),
            (
                accept(&self.log, new, new, 1, 2, limits::WRAP),
                "bad_signature",
                "the second signature is another invite's",
            ),
            (
                accept(&self.log, new, bob, 1, 1, limits::WRAP),
                "bad_signature",
                "in the joiner's name, by another key",
            ),
        ] {
            self.log.refused(Kind::Control(record), code, why);
        }
        let mut alone = accept(&self.log, new, new, 1, 1, limits::WRAP);
        alone.co_signature = Bytes::new();
        self.log.refused(
            Kind::Control(alone),
            "bad_signature",
            "an acceptance without the invite's signature",
        );
    }

    fn approval_and_rekey(&mut self) {
        let (log, alice, carol) = (&mut self.log, &self.alice, &self.carol);
        log.control(alice, add(carol, WRITER), "Alice lets Carol in");
        let rekeyed = rekey(2, 4, limits::SEALED_PREVIOUS);
        log.control(
            alice,
            rekeyed,
            "a rekey on demand: three members and the open invite",
        );
        log.control(alice, policy(true, 86_400), "ciphertexts are kept for a day");
        log.event(carol, |_| {}, "Carol writes");
    }

    fn removal(&mut self) {
        let (alice, bob, carol) = (&self.alice, &self.bob, &self.carol);
        self.log.control(
            alice,
            remove(bob),
            "Bob is removed: content waits, open invites are void",
        );
        let event = self.log.signed(alice, |_| {});
        self.log
            .refused(event, "rekey_required", "content between a removal and its rekey");
        let event = self.log.signed(bob, |_| {});
        self.log
            .refused(event, "not_a_member", "an event by the removed member");
        let records: Vec<Refused> = vec![
            (
                alice,
                add(&self.new, WRITER),
                "rekey_required",
                "an add before the rekey",
            ),
            (
                alice,
                policy(true, 0),
                "rekey_required",
                "a policy before the rekey",
            ),
            (
                alice,
                rekey(3, 3, limits::SEALED_PREVIOUS),
                "control_invalid",
                "the removed member gets a wrap",
            ),
            (
                bob,
                rekey(3, 2, limits::SEALED_PREVIOUS),
                "not_a_member",
                "the removed member rekeys",
            ),
        ];
        refuse(&mut self.log, records);
        let rejoin = accept(&self.log, bob, bob, 1, 1, limits::WRAP);
        self.log.refused(
            Kind::Control(rejoin),
            "invite_void",
            "the removed member comes back by a link that it knew",
        );
        let rekeyed = rekey(3, 2, limits::SEALED_PREVIOUS);
        self.log
            .control(carol, rekeyed, "Carol, who writes, rekeys in the remover's place");
        let stale = self
            .log
            .signed(alice, |header| (header.epoch, header.key_id) = (2, key_id(2)));
        self.log.refused(
            stale,
            "stale_epoch",
            "content under the epoch that the removed member knows",
        );
    }

    fn new_keys_and_leaving(&mut self) {
        let (alice, carol, new) = (&self.alice, &self.carol, &self.new);
        for (author, old, by, co_signer, code, why) in [
            (
                carol,
                alice,
                new,
                new,
                "not_permitted",
                "another's keys are replaced by a member without `manage`",
            ),
            (
                carol,
                carol,
                new,
                carol,
                "bad_signature",
                "the new keys do not consent",
            ),
            (
                carol,
                carol,
                alice,
                alice,
                "control_invalid",
                "a member's keys take another member's place",
            ),
            (
                alice,
                carol,
                &self.agent,
                &self.agent,
                "control_invalid",
                "an agent takes a human's place",
            ),
        ] {
            let record = replace(&self.log, author, old, by, co_signer);
            self.log.refused(Kind::Control(record), code, why);
        }
        let record = replace(&self.log, carol, carol, new, new);
        self.log
            .append(record, "Carol's new keys take the place of her old ones");
        let rekeyed = rekey(4, 2, limits::SEALED_PREVIOUS);
        self.log.control(new, rekeyed, "and rekey");
        self.log.control(new, Body::Leave(wire::Leave {}), "Carol leaves");
        self.log
            .control(alice, rekey(5, 1, limits::SEALED_PREVIOUS), "Alice rekeys");
    }

    fn resume(&mut self) {
        let here = self.log.fold.cursor();
        let lost = Cursor {
            seq: here.seq + 3,
            root: Root::new([0xee; 32]),
        };
        let on_log = Cursor {
            seq: 2,
            root: self.log.roots[2],
        };
        let off_log = Cursor {
            root: Root::new([0xee; 32]),
            ..here
        };
        let records: Vec<Refused> = vec![
            (
                &self.alice,
                resume(lost, off_log),
                "control_invalid",
                "goes on from a place that is not on the log",
            ),
            (
                &self.alice,
                resume(on_log, here),
                "control_invalid",
                "gives up a place that is on the log",
            ),
            (
                &self.alice,
                resume(here, here),
                "control_invalid",
                "gives up where it goes on",
            ),
        ];
        refuse(&mut self.log, records);
        self.log.control(
            &self.alice,
            resume(lost, here),
            "Alice gives up a history that a restore has lost",
        );
    }

    fn newcomer_without_history(&mut self) {
        let (alice, bob, carol) = (&self.alice, &self.bob, &self.carol);
        self.log
            .control(alice, policy(false, 0), "newcomers get no history from now on");
        let records: Vec<Refused> = vec![
            (
                alice,
                add(bob, WRITER),
                "control_invalid",
                "an add with a wrap although history is not shared",
            ),
            (
                alice,
                rekey(6, 1, limits::SEALED_PREVIOUS),
                "control_invalid",
                "a rekey with a previous secret although history is not shared",
            ),
            (
                alice,
                invite(4, WRITER, 1),
                "control_invalid",
                "an invite with a wrap although history is not shared",
            ),
        ];
        refuse(&mut self.log, records);
        self.log
            .control(alice, wrapless(5), "an invite that carries nothing");
        self.log
            .control(alice, add_without(bob), "Bob is back, without the current secret");
        let accepted = accept(&self.log, carol, carol, 5, 5, 0);
        self.log
            .append(accepted, "Carol's old keys join too: one rekey will do for both");
        let records: Vec<Refused> = vec![(
            alice,
            grant(bob, INVITER),
            "rekey_required",
            "capabilities are set before the rekey",
        )];
        refuse(&mut self.log, records);
        self.log
            .control(bob, rekey(6, 3, 0), "a newcomer who writes makes the new secret");
    }

    fn tombstone(&mut self) {
        let (alice, bob) = (&self.alice, &self.bob);
        self.log.control(
            alice,
            Body::Tombstone(wire::Tombstone {}),
            "Alice deletes the space",
        );
        let event = self.log.signed(bob, |_| {});
        self.log
            .refused(event, "tombstoned", "an event after the tombstone");
        let records: Vec<Refused> =
            vec![(alice, rekey(7, 3, 0), "tombstoned", "a rekey after the tombstone")];
        refuse(&mut self.log, records);
    }
}

fn refuse(log: &mut Log, records: Vec<Refused>) {
    for (author, body, code, why) in records {
        let record = log.record(author, body);
        log.refused(Kind::Control(record), code, why);
    }
}

fn invite_key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[0xe0 + number; 32])
}

fn public(number: u8) -> Bytes {
    Bytes::copy_from_slice(PublicKey::of(&invite_key(number)).as_bytes())
}

fn create(number: u8, capabilities: Capabilities, uses: u32, wrap: usize) -> wire::CreateInvite {
    wire::CreateInvite {
        invite_key: public(number),
        capabilities: capabilities.bits(),
        expires_at_s: 1_800_000_000,
        uses,
        needs_approval: false,
        hpke_key: vec![0xe0 + number; limits::HPKE_KEY].into(),
        wrap: vec![0x3b; wrap].into(),
    }
}

fn invite(number: u8, capabilities: Capabilities, uses: u32) -> Body {
    Body::CreateInvite(create(number, capabilities, uses, limits::WRAP))
}

fn wrapless(number: u8) -> Body {
    Body::CreateInvite(create(number, WRITER, 1, 0))
}

fn with_approval(number: u8) -> Body {
    Body::CreateInvite(wire::CreateInvite {
        needs_approval: true,
        ..create(number, WRITER, 1, 0)
    })
}

fn revoke(number: u8) -> Body {
    Body::RevokeInvite(wire::RevokeInvite {
        invite_key: public(number),
    })
}

fn accept(
    log: &Log,
    joiner: &Person,
    signer: &Person,
    number: u8,
    co_signer: u8,
    wrap: usize,
) -> wire::SignedControl {
    let body = Body::AcceptInvite(wire::AcceptInvite {
        invite_key: public(number),
        manifest: joiner.manifest.bytes().clone(),
        wrap: vec![0x3c; wrap].into(),
    });
    let record = sign_control(&log.link(), &joiner.id(), body, &signer.key);
    co_sign_control(record, &invite_key(co_signer))
}

fn replace(
    log: &Log,
    author: &Person,
    old: &Person,
    new: &Person,
    co_signer: &Person,
) -> wire::SignedControl {
    let body = Body::ReplaceKeys(wire::ReplaceKeys {
        old_principal_id: old.id().to_bytes(),
        manifest: new.manifest.bytes().clone(),
    });
    co_sign_control(log.record(author, body), &co_signer.key)
}

fn add_without(person: &Person) -> Body {
    Body::AddMember(wire::AddMember {
        manifest: person.manifest.bytes().clone(),
        capabilities: WRITER.bits(),
        wrap_hash: Bytes::new(),
    })
}

fn remove(person: &Person) -> Body {
    Body::RemoveMember(wire::RemoveMember {
        principal_id: person.id().to_bytes(),
    })
}

fn grant(person: &Person, capabilities: Capabilities) -> Body {
    Body::SetCapabilities(wire::SetCapabilities {
        principal_id: person.id().to_bytes(),
        capabilities: capabilities.bits(),
    })
}

fn policy(share_history: bool, retention_seconds: u64) -> Body {
    Body::SetPolicy(wire::SetPolicy {
        policy: Some(wire::Policy {
            share_history,
            retention_seconds,
        }),
    })
}

fn resume(lost: Cursor, kept: Cursor) -> Body {
    Body::Resume(wire::Resume {
        lost_seq: lost.seq,
        lost_root: lost.root.to_bytes(),
        kept_seq: kept.seq,
        kept_root: kept.root.to_bytes(),
    })
}
