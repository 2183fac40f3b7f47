use proptest::prelude::*;
use sealpost_protocol::ids::{AccountId, BlobId, PrincipalId};

use super::*;
use crate::blobs::ObjectKey;
use crate::blobs::ports::BlobState;
use crate::log::ports::SpaceNumber;

const PART: u64 = MIN_BLOB_PART;

fn blob(bytes: u64) -> BlobRow {
    BlobRow {
        space: SpaceNumber(1),
        blob_id: BlobId::new([1; 16]),
        account: AccountId::new([2; 16]),
        principal: PrincipalId::new([3; 32]),
        key: ObjectKey {
            prefix: [4; 16],
            rest: [5; 32],
        },
        upload: None,
        state: BlobState::Reserved,
        part_bytes: PART,
        bytes,
        sha256: None,
    }
}

fn part(number: u32, length: u64) -> BlobPart {
    BlobPart {
        number,
        length,
        sha256: vec![7; 32].into(),
    }
}

fn list(lengths: &[u64]) -> BlobComplete {
    let parts = lengths.iter().zip(1..).map(|(length, number)| BlobPartDone {
        number,
        length: *length,
        sha256: vec![7; 32].into(),
        etag: "\"tag\"".to_owned(),
    });
    BlobComplete {
        parts: parts.collect(),
        bytes: lengths.iter().sum(),
        sha256: vec![8; 32].into(),
    }
}

fn stored(list: &PartList) -> Vec<StoredPart> {
    let parts = list.parts.iter().map(|part| StoredPart {
        number: part.number,
        length: part.length,
        etag: Some(part.etag.clone()),
    });
    parts.collect()
}

#[test]
fn parts_are_asked_for_within_what_is_reserved() {
    let blob = blob(PART + 10);
    assert!(askable(&blob, &[part(1, PART), part(2, 10)]).is_ok());
    let beyond = [
        part(2, 11),
        part(3, 1),
        part(1, PART + 1),
        part(1, 0),
        part(0, 1),
        part(10_001, 1),
    ];
    for part in beyond {
        assert!(askable(&blob, std::slice::from_ref(&part)).is_err(), "{part:?}");
    }
    let many: Vec<_> = (0..33).map(|_| part(1, 1)).collect();
    assert!(matches!(
        askable(&blob, &many),
        Err(BlobError::TooLarge { limit: 32 })
    ));
    assert!(askable(&blob, &[]).is_err());
}

#[test]
fn lists_that_are_not_one_blob_are_refused() {
    let blob = blob(3 * PART);
    assert!(PartList::of(&blob, &list(&[PART, PART, 1])).is_ok());
    for lengths in [
        &[][..],
        &[PART, 1, PART],
        &[PART, 0],
        &[PART + 1],
        &[PART, PART, PART, 1],
    ] {
        assert!(PartList::of(&blob, &list(lengths)).is_err(), "{lengths:?}");
    }
    type Change = fn(&mut BlobComplete);
    let changes: [Change; 6] = [
        |list| list.bytes += 1,
        |list| list.sha256.0.truncate(31),
        |list| list.parts[0].number = 2,
        |list| list.parts[0].etag = "a\nb".to_owned(),
        |list| list.parts[0].etag.clear(),
        |list| list.parts[0].sha256.0.clear(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = list(&[PART, 1]);
        change(&mut changed);
        assert!(PartList::of(&blob, &changed).is_err(), "{number}");
    }
}

#[test]
fn what_is_there_must_be_what_the_list_says() {
    let list = PartList::of(&blob(2 * PART), &list(&[PART, 9])).unwrap();
    let there = stored(&list);
    assert!(list.check(&there).is_ok());
    let without_tags: Vec<_> = there
        .iter()
        .map(|part| StoredPart { etag: None, ..*part })
        .collect();
    assert!(list.check(&without_tags).is_ok(), "not every server tells them");
    type Change = fn(&mut Vec<StoredPart>);
    let changes: [Change; 5] = [
        |parts| parts.truncate(1),
        |parts| parts.swap(0, 1),
        |parts| parts[1].length = 8,
        |parts| parts[1].etag = Some("other".to_owned()),
        |parts| parts.push(parts[0].clone()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut there = there.clone();
        change(&mut there);
        assert!(
            matches!(list.check(&there), Err(BlobError::PartsMismatch)),
            "{number}"
        );
    }
}

proptest! {
    /// However often parts are asked for: what can be there at once is what was reserved.
    #[test]
    fn no_choice_of_parts_is_more_than_was_reserved(
        bytes in 1..=4 * PART,
        asked in prop::collection::vec((1u32..=5, 1..=PART), 1..20),
    ) {
        let blob = blob(bytes);
        let mut longest = [0; 6];
        for (number, length) in asked {
            if askable(&blob, &[part(number, length)]).is_ok() {
                let at = number as usize;
                longest[at] = longest[at].max(length);
            }
        }
        prop_assert!(longest.iter().sum::<u64>() <= bytes);
    }
}
