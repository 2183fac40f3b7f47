//! Histories of a membership: every body of a control record, by any of four people, in any order.
//!
//! The bytes choose authors and bodies; links and signatures are made right, so that the rules are reached at once.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use prost::Message;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::control::{Link, ParsedControl, co_sign_control, sign_control};
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::Root;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{self, PrincipalKind};

use crate::Target;

pub const MEMBERSHIP: Target = Target {
    name: "membership",
    what: "control records by members and strangers, well signed, with any body",
    run,
    seeds: || vec![history()],
};

/// Who signs: three people and an agent.
const PEOPLE: u8 = 4;

struct Person {
    key: SigningKey,
    manifest: Manifest,
}

fn person(number: u8) -> Person {
    let key = SigningKey::from_bytes(&[number + 1; 32]);
    let kind = if number == 3 {
        PrincipalKind::Agent
    } else {
        PrincipalKind::Human
    };
    let manifest = Manifest::new(kind, &PublicKey::of(&key), &[number + 1; limits::HPKE_KEY]);
    let manifest = manifest.expect("any bytes of its length are an HPKE key");
    Person { key, manifest }
}

fn run(bytes: &[u8]) {
    let people: Vec<_> = (0..PEOPLE).map(person).collect();
    let (mut fold, mut roots) = genesis(&people[0]);
    for (author, co_signer, body) in split(bytes) {
        let author = &people[usize::from(author % PEOPLE)];
        let control = sign_control(&link(&fold), &author.manifest.id(), body, &author.key);
        let control = match co_signer.checked_sub(1) {
            Some(co_signer) => co_sign_control(control, &people[usize::from(co_signer % PEOPLE)].key),
            None => control,
        };
        step(&mut fold, &mut roots, &control);
    }
}

fn genesis(owner: &Person) -> (SpaceFold, Vec<Root>) {
    let body = Body::Genesis(wire::Genesis {
        manifest: owner.manifest.bytes().clone(),
        salt: Bytes::from_static(&[9; 32]),
        policy: Some(wire::Policy {
            share_history: true,
            ..wire::Policy::default()
        }),
    });
    let control = sign_control(&Link::Genesis, &owner.manifest.id(), body, &owner.key);
    let record = ParsedControl::parse(&control).expect("the genesis record is well-formed");
    let fold = SpaceFold::from_genesis(&record).expect("the genesis record is valid");
    let roots = vec![Root::new(*fold.space_id().as_bytes()), fold.cursor().root];
    (fold, roots)
}

fn link(fold: &SpaceFold) -> Link {
    Link::Next {
        space_id: fold.space_id(),
        control_index: fold.chain().index() + 1,
        previous_head: fold.chain().head(),
        seen: fold.cursor(),
    }
}

fn step(fold: &mut SpaceFold, roots: &mut Vec<Root>, control: &wire::SignedControl) {
    let Ok(record) = ParsedControl::parse(control) else {
        return;
    };
    let before = fold.clone();
    let known = |seq: u64| roots.get(usize::try_from(seq).ok()?).copied();
    if fold.append_control(&record, &known).is_err() {
        assert_eq!(*fold, before, "what is refused changes nothing");
        return;
    }
    roots.push(fold.cursor().root);
    check(&before, fold);
}

fn check(before: &SpaceFold, after: &SpaceFold) {
    let epoch = |fold: &SpaceFold| fold.chain().epoch().map_or(0, |epoch| epoch.number);
    assert_eq!(after.cursor().seq, before.cursor().seq + 1);
    assert_eq!(after.chain().index(), before.chain().index() + 1);
    assert!(
        matches!(epoch(after) - epoch(before), 0 | 1),
        "no epoch is skipped or repeated"
    );
    for member in after.chain().members() {
        let agent = member.manifest.kind() == PrincipalKind::Agent;
        let rules = member.capabilities.contains(Capabilities::MANAGE)
            || member.capabilities.contains(Capabilities::INVITE);
        assert!(!(agent && rules), "agents never manage or invite");
    }
    let managers = after
        .chain()
        .members()
        .filter(|member| member.capabilities.contains(Capabilities::MANAGE));
    assert!(managers.count() > 0, "a space is never left without a manager");
}

/// Author, co-signer (0: none), length in two bytes, and that many bytes of a `ControlRecord` whose body counts.
fn split(bytes: &[u8]) -> impl Iterator<Item = (u8, u8, Body)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let ([author, co_signer, low, high], after) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (record, next) = after.split_at_checked(length)?;
        rest = next;
        Some((*author, *co_signer, record))
    })
    .filter_map(|(author, co_signer, record)| {
        let record = wire::ControlRecord::decode(Bytes::copy_from_slice(record)).ok()?;
        Some((author, co_signer, record.body?))
    })
}

fn join(steps: impl IntoIterator<Item = (u8, u8, Body)>) -> Vec<u8> {
    let framed = steps.into_iter().flat_map(|(author, co_signer, body)| {
        let record = wire::ControlRecord {
            body: Some(body),
            ..wire::ControlRecord::default()
        };
        let record = record.encode_to_vec();
        let [low, high] = u16::try_from(record.len()).unwrap_or(0).to_le_bytes();
        [&[author, co_signer, low, high], &record[..]].concat()
    });
    framed.collect()
}

/// A history with every kind of body.
fn history() -> Vec<u8> {
    let id = |number| person(number).manifest.id().to_bytes();
    let add = |number, capabilities| {
        Body::AddMember(wire::AddMember {
            manifest: person(number).manifest.bytes().clone(),
            capabilities,
            wrap_hash: vec![5; 32].into(),
        })
    };
    let rekey = |epoch: u64, wrap_count| {
        Body::Rekey(wire::Rekey {
            epoch,
            key_id: vec![u8::try_from(epoch).unwrap_or(0); 32].into(),
            wraps_digest: vec![6; 32].into(),
            wrap_count,
            sealed_previous: if epoch == 1 {
                Bytes::new()
            } else {
                vec![7; limits::SEALED_PREVIOUS].into()
            },
        })
    };
    join([
        (0, 0, rekey(1, 1)),
        (0, 0, add(1, 7)),
        (0, 0, add(2, 1)),
        (1, 0, add(3, 1)),
        (0, 0, rekey(2, 4)),
        (
            1,
            0,
            Body::RemoveMember(wire::RemoveMember { principal_id: id(2) }),
        ),
        (1, 0, rekey(3, 3)),
        (0, 0, Body::Leave(wire::Leave {})),
        (1, 0, rekey(4, 2)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_brings_people_in_and_changes_epochs() {
        let people: Vec<_> = (0..PEOPLE).map(person).collect();
        let (mut fold, mut roots) = genesis(&people[0]);
        for (author, _, body) in split(&history()) {
            let author = &people[usize::from(author)];
            let control = sign_control(&link(&fold), &author.manifest.id(), body, &author.key);
            step(&mut fold, &mut roots, &control);
        }
        assert!(fold.chain().members().len() > 1);
        assert!(fold.chain().epoch().is_some_and(|epoch| epoch.number > 1));
    }
}
