//! A whole log, entry by entry, as both relay and client fold it.

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::fold::{SpaceFold, Verdict};
use sealpost_protocol::ids::Root;
use sealpost_protocol::wire::{self, entry::Kind};

use crate::{Target, seeds};

pub const LOG: Target = Target {
    name: "log",
    what: "the entries of a space, from the relay: the first must be a genesis record",
    run,
    seeds: || {
        vec![join(&seeds::of_vectors(include_str!(
            "../../../protocol/vectors/log.json"
        )))]
    },
};

/// Entries of a log as one input: each behind its length.
fn join(entries: &[Vec<u8>]) -> Vec<u8> {
    let framed = entries
        .iter()
        .filter(|bytes| wire::Entry::decode(&bytes[..]).is_ok_and(|entry| entry.kind.is_some()))
        .flat_map(|bytes| [&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes(), &bytes[..]].concat());
    framed.collect()
}

fn split(bytes: &[u8]) -> impl Iterator<Item = wire::Entry> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (entry, next) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = next;
        Some(entry)
    })
    .filter_map(|bytes| wire::Entry::decode(Bytes::copy_from_slice(bytes)).ok())
}

fn run(bytes: &[u8]) {
    let mut entries = split(bytes);
    let Some(Kind::Control(first)) = entries.next().and_then(|entry| entry.kind) else {
        return;
    };
    let Some(mut fold) = ParsedControl::parse(&first)
        .ok()
        .and_then(|record| SpaceFold::from_genesis(&record).ok())
    else {
        return;
    };
    let mut roots = vec![Root::new(*fold.space_id().as_bytes()), fold.cursor().root];
    for entry in entries {
        let before = fold.clone();
        match append(&mut fold, entry, &roots) {
            true => {
                assert_eq!(fold.cursor().seq, before.cursor().seq + 1, "one entry, one place");
                roots.push(fold.cursor().root);
            }
            false => assert_eq!(fold, before, "what is refused changes nothing"),
        }
    }
}

/// Appends an entry as a client would; whether it took a place.
fn append(fold: &mut SpaceFold, entry: wire::Entry, roots: &[Root]) -> bool {
    let known = |seq: u64| roots.get(usize::try_from(seq).ok()?).copied();
    match entry.kind {
        Some(Kind::Event(event)) => {
            let Ok(event) = fold.verify_event(&event) else {
                return false;
            };
            let fresh = fold.check_event(&event, &known) == Ok(Verdict::Fresh);
            if fresh {
                fold.append_event(&event);
            }
            fresh
        }
        Some(Kind::Control(control)) => {
            ParsedControl::parse(&control).is_ok_and(|record| fold.append_control(&record, &known).is_ok())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_is_a_log_that_folds() {
        let entries: Vec<_> = (LOG.seeds)()
            .iter()
            .flat_map(|seed| split(seed).collect::<Vec<_>>())
            .collect();
        assert!(
            entries.len() >= 5,
            "the vectors hold a log, found {} entries",
            entries.len()
        );
        let Some(Kind::Control(first)) = &entries[0].kind else {
            panic!("a log starts with its genesis record");
        };
        let mut fold = SpaceFold::from_genesis(&ParsedControl::parse(first).unwrap()).unwrap();
        let mut roots = vec![Root::new(*fold.space_id().as_bytes()), fold.cursor().root];
        for entry in entries.into_iter().skip(1) {
            if append(&mut fold, entry, &roots) {
                roots.push(fold.cursor().root);
            }
        }
        assert!(fold.cursor().seq >= 5, "most of it is accepted");
    }
}
