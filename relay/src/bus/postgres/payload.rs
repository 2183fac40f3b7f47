//! What a notification says: `relay;space:head,space:head`, numbers in hex.

use std::collections::HashMap;
use std::fmt::Write;

use sealpost_protocol::ids::SpaceId;

use crate::bus::Hint;

/// Postgres takes payloads of less than 8,000 bytes.
const MAX_BYTES: usize = 7_900;
/// `,` space `:` head, at its longest.
const MAX_HINT_BYTES: usize = 1 + 64 + 1 + 16;

/// As many payloads as it takes.
pub(super) fn encode(relay: u64, heads: HashMap<SpaceId, u64>) -> Vec<String> {
    let mut payloads: Vec<String> = Vec::new();
    for (space, head) in heads {
        let has_room = |payload: &&mut String| payload.len() + MAX_HINT_BYTES <= MAX_BYTES;
        let hint = format!("{space}:{head:x}");
        match payloads.last_mut().filter(has_room) {
            Some(payload) => write!(payload, ",{hint}").expect("a string takes all that is written"),
            None => payloads.push(format!("{relay:x};{hint}")),
        }
    }
    payloads
}

/// The relay that speaks, and its hints; `None` if the payload is none of ours.
pub(super) fn decode(payload: &str) -> Option<(u64, Vec<Hint>)> {
    let (relay, hints) = payload.split_once(';')?;
    let hints: Option<Vec<Hint>> = hints.split(',').map(decode_hint).collect();
    Some((u64::from_str_radix(relay, 16).ok()?, hints?))
}

fn decode_hint(text: &str) -> Option<Hint> {
    let (space, head) = text.split_once(':')?;
    Some(Hint {
        space_id: space.parse().ok()?,
        head: u64::from_str_radix(head, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_survive_their_payloads_which_postgres_takes() {
        let heads: HashMap<SpaceId, u64> = (0..=255).map(|n| (SpaceId::new([n; 32]), u64::MAX)).collect();
        let payloads = encode(7, heads.clone());
        assert!(payloads.iter().all(|payload| payload.len() < 8_000));
        let decoded = payloads.iter().flat_map(|payload| {
            let (relay, hints) = decode(payload).unwrap();
            assert_eq!(relay, 7);
            hints
        });
        assert_eq!(
            decoded
                .map(|hint| (hint.space_id, hint.head))
                .collect::<HashMap<_, _>>(),
            heads
        );
    }

    #[test]
    fn other_payloads_are_refused() {
        for payload in ["", "7", "7;", "x;a:1", "7;00:1", "7;:"] {
            assert_eq!(decode(payload), None, "{payload}");
        }
    }
}
