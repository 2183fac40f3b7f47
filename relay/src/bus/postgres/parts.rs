//! Parcels in notifications: `relay;batch;part;parts;base64`, numbers in hex.
//!
//! Postgres takes less than 8,000 bytes in one payload, and the largest signal is a little longer. So a batch of parcels
//! is one run of bytes, cut into as many payloads as it takes. They are sent in one transaction, and Postgres delivers
//! the notifications of a transaction together and in order: what does not come so is dropped.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use sealpost_protocol::ids::SpaceId;

use crate::bus::Parcel;

/// Bytes of one batch.
pub(super) const MAX_BATCH_BYTES: usize = 64 * 1024;
/// Bytes in one payload: 7,800 letters of base64, which leaves 200 for what stands before them.
const PART_BYTES: usize = 5_850;
const MAX_PARTS: usize = MAX_BATCH_BYTES.div_ceil(PART_BYTES);
/// Space id and length.
const HEADER_BYTES: usize = SpaceId::LENGTH + 4;

/// How long a parcel is in a batch.
pub(super) fn length(parcel: &Parcel) -> usize {
    HEADER_BYTES + parcel.sealed.len()
}

/// As many payloads as it takes.
pub(super) fn encode(relay: u64, batch: u64, parcels: &[Parcel]) -> Vec<String> {
    let mut bytes = BytesMut::with_capacity(parcels.iter().map(length).sum());
    for parcel in parcels {
        let length = u32::try_from(parcel.sealed.len()).expect("a parcel is shorter than a batch");
        bytes.put_slice(parcel.space_id.as_bytes());
        bytes.put_u32(length);
        bytes.put_slice(&parcel.sealed);
    }
    let parts = bytes.chunks(PART_BYTES);
    let count = parts.len();
    parts
        .enumerate()
        .map(|(part, bytes)| {
            let text = STANDARD_NO_PAD.encode(bytes);
            format!("{relay:x};{batch:x};{part:x};{count:x};{text}")
        })
        .collect()
}

/// One payload.
struct Part<'a> {
    relay: u64,
    batch: u64,
    part: usize,
    parts: usize,
    text: &'a str,
}

impl<'a> Part<'a> {
    fn parse(payload: &'a str) -> Option<Self> {
        let mut fields = payload.splitn(5, ';');
        let mut number = || u64::from_str_radix(fields.next()?, 16).ok();
        let (relay, batch) = (number()?, number()?);
        let (part, parts) = (usize::try_from(number()?).ok()?, usize::try_from(number()?).ok()?);
        let text = fields.next()?;
        (part < parts && parts <= MAX_PARTS).then_some(Self {
            relay,
            batch,
            part,
            parts,
            text,
        })
    }
}

/// Puts the parts of one batch together; there is never more than one under way.
pub(super) struct Assembly {
    relay: u64,
    /// Relay and batch, and the number of the part that is next.
    expected: Option<(u64, u64, usize)>,
    bytes: BytesMut,
}

impl Assembly {
    /// Nothing yet. `relay` is the one that takes in, and does not hear itself.
    pub(super) fn new(relay: u64) -> Self {
        Self {
            relay,
            expected: None,
            bytes: BytesMut::new(),
        }
    }

    /// Adds a payload; gives the parcels of its batch if it is the last of it and none was missed.
    pub(super) fn add(&mut self, payload: &str) -> Option<Vec<Parcel>> {
        let part = Part::parse(payload)?;
        if part.relay == self.relay {
            return None;
        }
        if part.part == 0 {
            self.bytes.clear();
        } else if self.expected != Some((part.relay, part.batch, part.part)) {
            self.expected = None;
            return None;
        }
        self.expected = None;
        let bytes = STANDARD_NO_PAD.decode(part.text).ok()?;
        self.bytes.extend_from_slice(&bytes);
        let next = part.part + 1;
        if next < part.parts {
            self.expected = Some((part.relay, part.batch, next));
            return None;
        }
        decode(std::mem::take(&mut self.bytes).freeze())
    }
}

fn decode(mut bytes: Bytes) -> Option<Vec<Parcel>> {
    let mut parcels = Vec::new();
    while bytes.has_remaining() {
        if bytes.remaining() < HEADER_BYTES {
            return None;
        }
        let space_id = SpaceId::try_from(&bytes.split_to(SpaceId::LENGTH)[..]).ok()?;
        let length = usize::try_from(bytes.get_u32()).ok()?;
        if bytes.remaining() < length {
            return None;
        }
        let sealed = bytes.split_to(length);
        parcels.push(Parcel { space_id, sealed });
    }
    Some(parcels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcels(lengths: &[usize]) -> Vec<Parcel> {
        let parcel = |(number, length): (usize, &usize)| Parcel {
            space_id: SpaceId::new([number as u8; 32]),
            sealed: Bytes::from(vec![number as u8; *length]),
        };
        lengths.iter().enumerate().map(parcel).collect()
    }

    fn add_all<'a>(assembly: &mut Assembly, payloads: impl IntoIterator<Item = &'a String>) -> Vec<Parcel> {
        let added = payloads.into_iter().filter_map(|payload| assembly.add(payload));
        added.flatten().collect()
    }

    #[test]
    fn parcels_survive_their_payloads_which_postgres_takes() {
        for lengths in [
            &[0][..],
            &[300; 20],
            &[8_900, 1, 8_900],
            &[MAX_BATCH_BYTES - HEADER_BYTES],
        ] {
            let sent = parcels(lengths);
            let payloads = encode(u64::MAX, u64::MAX, &sent);
            assert!(payloads.iter().all(|payload| payload.len() < 8_000));
            assert_eq!(add_all(&mut Assembly::new(1), &payloads), sent);
        }
    }

    #[test]
    fn a_batch_that_misses_a_part_is_dropped_and_the_next_is_not() {
        let (first, second) = (parcels(&[9_000, 9_000]), parcels(&[9_000]));
        let (broken, whole) = (encode(7, 1, &first), encode(7, 2, &second));
        for missing in 0..broken.len() {
            let mut assembly = Assembly::new(1);
            let heard = broken.iter().enumerate().filter(|(part, _)| *part != missing);
            assert_eq!(add_all(&mut assembly, heard.map(|(_, payload)| payload)), []);
            assert_eq!(add_all(&mut assembly, &whole), second);
        }
    }

    #[test]
    fn a_relay_does_not_hear_itself() {
        let payloads = encode(7, 1, &parcels(&[10]));
        assert_eq!(add_all(&mut Assembly::new(7), &payloads), []);
    }

    #[test]
    fn other_payloads_are_refused() {
        let payloads = [
            "",
            "7",
            "7;1;0;1",
            "7;1;0;1;!",
            "7;1;0;0;",
            "7;1;1;1;AAAA",
            "7;1;0;ff;AAAA",
            "7;1;0;1;AAAA",
            "x;1;0;1;",
        ];
        for payload in payloads {
            assert_eq!(Assembly::new(1).add(payload), None, "{payload}");
        }
    }
}
