use std::sync::Arc;

use reqwest::StatusCode;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::wire::{self, control_record::Body};
use time::{Duration, OffsetDateTime};

use super::shelf::{Shelf, caller, id, list};
use crate::blobs::ports::{Quotas, Usage};
use crate::blobs::{BlobError, BlobSettings};
use crate::clock::{Clock, SystemClock};
use crate::log::LogError;
use crate::log::tests::actors::Actor;
use crate::log::tests::chat::remove;

async fn with_address(bytes: &[u8]) -> (Shelf, sealpost_protocol::http::BlobPartUrl) {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, bytes.len() as u64).await.unwrap();
    let mut signed = shelf.sign(&shelf.alice, 1, &[bytes]).await.unwrap();
    (shelf, signed.remove(0))
}

fn took(answer: &reqwest::Result<reqwest::Response>) -> bool {
    answer.as_ref().is_ok_and(|answer| answer.status().is_success())
}

#[tokio::test]
async fn only_the_bytes_that_were_signed_for_can_be_put() {
    let (shelf, at) = with_address(b"abc").await;
    for wrong in [&b"abd"[..], b"ab", b"abcd", b""] {
        assert!(!took(&shelf.put(&at, wrong).await), "{wrong:?}");
    }
    let mut headers = at.headers.clone();
    assert!(!headers.is_empty());
    headers.pop();
    assert!(
        !took(&shelf.put_with(&at.url, &headers, b"abc").await),
        "a header less"
    );
    assert_eq!(shelf.stored(), 0);
    assert!(took(&shelf.put(&at, b"abc").await));
}

#[tokio::test]
async fn an_address_is_good_for_its_part_alone_and_not_for_reading() {
    let (shelf, at) = with_address(b"abc").await;
    let other = at.url.replace("partNumber=1", "partNumber=2");
    assert_ne!(other, at.url);
    assert!(!took(&shelf.put_with(&other, &at.headers, b"abc").await));
    let bare = at.url.split('?').next().unwrap();
    assert!(!took(&shelf.put_with(bare, &at.headers, b"abc").await));
    let read = shelf.http.get(&at.url).send().await.unwrap();
    assert!(!read.status().is_success());
    assert_eq!(shelf.stored(), 0);
}

/// A clock that is behind.
struct Late(Duration);

impl Clock for Late {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() - self.0
    }
}

#[tokio::test]
async fn addresses_are_refused_after_five_minutes() {
    let shelf = Shelf::new().await;
    shelf.store_blob(&shelf.alice, 1, &[b"abc"]).await;
    for (minutes, status) in [(4, StatusCode::OK), (6, StatusCode::FORBIDDEN)] {
        let relay = shelf.second(Arc::new(Late(Duration::minutes(minutes))));
        let signed = relay
            .sign_download(caller(&shelf.bob), shelf.chat.id(), id(1))
            .await
            .unwrap();
        let answer = shelf.http.get(&signed.url).send().await.unwrap();
        assert_eq!(answer.status(), status, "{minutes}");
    }
}

#[tokio::test]
async fn what_was_not_put_is_not_completed() {
    let (shelf, at) = with_address(b"abc").await;
    let claimed = list(vec![shelf.done(1, b"abc", "0".repeat(32))], &[b"abc"]);
    let refused = shelf.complete(&shelf.alice, 1, &claimed).await;
    assert!(matches!(refused, Err(BlobError::PartsMismatch)), "{refused:?}");
    // And the upload goes on as if nothing had been said.
    let answer = shelf.put(&at, b"abc").await.unwrap();
    let real = list(
        vec![shelf.done(1, b"abc", super::shelf::etag(&answer))],
        &[b"abc"],
    );
    let mut shorter = real.clone();
    (shorter.parts[0].length, shorter.bytes) = (2, 2);
    let refused = shelf.complete(&shelf.alice, 1, &shorter).await;
    assert!(matches!(refused, Err(BlobError::PartsMismatch)), "{refused:?}");
    shelf.complete(&shelf.alice, 1, &real).await.unwrap();
    let nobodys = shelf.complete(&shelf.alice, 9, &real).await;
    assert!(matches!(nobodys, Err(BlobError::NotFound)));
}

#[tokio::test]
async fn quotas_of_space_and_account_are_held_at_the_reservation() {
    let quotas = Quotas {
        account_bytes: 100,
        space_bytes: 150,
        blobs: 3,
    };
    let settings = BlobSettings {
        quotas,
        ..BlobSettings::default()
    };
    let shelf = Shelf::with(settings).await;
    let limit_of = |refused: Result<u64, BlobError>| match refused {
        Err(BlobError::QuotaExceeded { limit }) => limit,
        other => panic!("{other:?}"),
    };
    shelf.reserve(&shelf.alice, 1, 100).await.unwrap();
    assert_eq!(limit_of(shelf.reserve(&shelf.alice, 1, 101).await), 100);
    assert_eq!(limit_of(shelf.reserve(&shelf.alice, 2, 1).await), 100);
    assert_eq!(limit_of(shelf.reserve(&shelf.bob, 3, 51).await), 150);
    shelf.reserve(&shelf.bob, 3, 40).await.unwrap();
    shelf.reserve(&shelf.bob, 4, 1).await.unwrap();
    assert_eq!(limit_of(shelf.reserve(&shelf.bob, 5, 1).await), 3);
    assert_eq!(shelf.usage().await, Usage { bytes: 141, blobs: 3 });
}

#[tokio::test]
async fn more_than_is_reserved_gets_no_address() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let beyond = shelf.sign(&shelf.alice, 1, &[b"abcd"]).await;
    assert!(matches!(beyond, Err(BlobError::TooLarge { limit: 3 })));
    let second = shelf.sign(&shelf.alice, 1, &[b"abc", b"d"]).await;
    assert!(matches!(second, Err(BlobError::TooLarge { limit: 3 })));
}

#[tokio::test]
async fn strangers_and_other_members_get_nothing_of_an_upload() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let list = shelf.put_parts(&shelf.alice, 1, &[b"abc"]).await;
    let taken = shelf.reserve(&shelf.bob, 1, 3).await;
    assert!(matches!(taken, Err(BlobError::Conflict)));
    assert!(matches!(
        shelf.sign(&shelf.bob, 1, &[b"xyz"]).await,
        Err(BlobError::NotFound)
    ));
    assert!(matches!(
        shelf.complete(&shelf.bob, 1, &list).await,
        Err(BlobError::NotFound)
    ));
    assert!(
        matches!(shelf.fetch(&shelf.bob, 1).await, Err(BlobError::NotFound)),
        "not whole yet"
    );
    assert!(matches!(
        shelf.delete(&shelf.bob, 1).await,
        Err(BlobError::NotFound)
    ));
    shelf.complete(&shelf.alice, 1, &list).await.unwrap();
    let mallory = Actor::mallory();
    let not_a_member = |refused: BlobError| matches!(refused, BlobError::Space(LogError::NotAMember));
    assert!(not_a_member(shelf.fetch(&mallory, 1).await.unwrap_err()));
    assert!(not_a_member(shelf.reserve(&mallory, 2, 1).await.unwrap_err()));
    assert!(not_a_member(shelf.delete(&mallory, 1).await.unwrap_err()));
    assert!(not_a_member(shelf.reference(&mallory, 1, 1).await.unwrap_err()));
}

#[tokio::test]
async fn a_removed_member_gets_no_address_any_more_at_any_relay() {
    let mut shelf = Shelf::new().await;
    shelf.store_blob(&shelf.alice, 1, &[b"abc"]).await;
    shelf.reserve(&shelf.bob, 2, 3).await.unwrap();
    let elsewhere = shelf.log.relay().await;
    let (chat, alice, bob) = (&mut shelf.chat, &shelf.alice, &shelf.bob);
    chat.control(&elsewhere, alice, remove(bob)).await.unwrap();
    for refused in [
        shelf.fetch(&shelf.bob, 1).await.map(drop),
        shelf.sign(&shelf.bob, 2, &[b"abc"]).await.map(drop),
        shelf.reserve(&shelf.bob, 3, 1).await.map(drop),
        shelf.delete(&shelf.bob, 2).await,
    ] {
        assert!(
            matches!(refused, Err(BlobError::Space(LogError::NotAMember))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_member_without_the_capability_reads_and_does_not_write() {
    let mut shelf = Shelf::new().await;
    shelf.store_blob(&shelf.alice, 1, &[b"abc"]).await;
    let grant = Body::SetCapabilities(wire::SetCapabilities {
        principal_id: shelf.bob.id().to_bytes(),
        capabilities: Capabilities::NONE.bits(),
    });
    let (chat, alice) = (&mut shelf.chat, &shelf.alice);
    chat.control(&shelf.relay, alice, grant).await.unwrap();
    assert_eq!(shelf.fetch(&shelf.bob, 1).await.unwrap(), b"abc");
    let refused = shelf.reserve(&shelf.bob, 2, 1).await;
    assert!(matches!(refused, Err(BlobError::NotPermitted)));
    assert!(matches!(
        shelf.delete(&shelf.bob, 1).await,
        Err(BlobError::NotPermitted)
    ));
}

#[tokio::test]
async fn lengths_that_no_blob_has_are_refused() {
    let shelf = Shelf::new().await;
    assert!(matches!(
        shelf.reserve(&shelf.alice, 1, 0).await,
        Err(BlobError::Malformed("bytes"))
    ));
    assert!(matches!(
        shelf.reserve(&shelf.alice, 1, 1 << 40).await,
        Err(BlobError::TooLarge { .. })
    ));
    let last = shelf.chat.cursor().seq;
    shelf.store_blob(&shelf.alice, 1, &[b"abc"]).await;
    assert!(matches!(
        shelf.reference(&shelf.alice, 1, last + 1).await,
        Err(BlobError::Malformed("seq"))
    ));
    assert!(matches!(
        shelf.reference(&shelf.alice, 1, 0).await,
        Err(BlobError::Malformed("seq"))
    ));
}
