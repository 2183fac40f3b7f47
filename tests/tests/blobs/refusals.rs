//! What a hostile member can ask of relay and storage, and what is left of it.

use sealpost_protocol::http::{BlobPartUrl, Problem};
use sealpost_tests::transfers::Server;

use crate::desk::{Desk, list};

const BYTES: &[u8] = b"abc";

async fn with_address() -> (Desk, BlobPartUrl) {
    let desk = Desk::new().await;
    desk.reserve(&desk.alice, 1, BYTES.len() as u64).await.unwrap();
    let at = desk.sign(&desk.alice, 1, BYTES).await.unwrap();
    (desk, at)
}

/// What was refused, as the code and the limit say.
fn code<T: std::fmt::Debug>(refused: Result<T, Problem>) -> (String, Option<u64>) {
    let problem = refused.unwrap_err();
    (problem.code, problem.limit)
}

fn said(code: &str) -> (String, Option<u64>) {
    (code.to_owned(), None)
}

#[tokio::test]
async fn wrong_bytes_and_foreign_addresses_store_nothing() {
    let (desk, at) = with_address().await;
    for wrong in [&b"abd"[..], b"ab", b"abcd", b""] {
        assert_eq!(desk.put(&at.url, &at.headers, wrong).await, None, "{wrong:?}");
    }
    for left_out in 0..at.headers.len() {
        let mut headers = at.headers.clone();
        let header = headers.remove(left_out);
        assert_eq!(
            desk.put(&at.url, &headers, BYTES).await,
            None,
            "without {header:?}"
        );
    }
    let (bare, query) = at.url.split_once('?').unwrap();
    let (folder, _) = bare.rsplit_once('/').unwrap();
    let (_, signature) = query.split_once("X-Amz-Signature=").unwrap();
    for (what, foreign) in [
        ("another part", at.url.replace("partNumber=1", "partNumber=2")),
        ("another object", format!("{folder}/{}?{query}", "f".repeat(64))),
        ("another signature", at.url.replace(signature, &"0".repeat(64))),
        ("a whole object", bare.to_owned()),
    ] {
        assert_ne!(foreign, at.url);
        assert_eq!(desk.put(&foreign, &at.headers, BYTES).await, None, "{what}");
    }
    let read = desk.http.get(&at.url).send().await.unwrap();
    assert!(!read.status().is_success(), "an address to put is none to read");
    assert_eq!(desk.settled().await, 0);
}

#[tokio::test]
async fn what_was_not_put_is_not_completed() {
    let (desk, at) = with_address().await;
    let alice = &desk.alice;
    let claimed = list(BYTES, &"0".repeat(32));
    assert_eq!(
        code(desk.complete(alice, 1, &claimed).await),
        said("parts_mismatch")
    );
    assert_eq!(code(desk.complete(alice, 9, &claimed).await), said("not_found"));
    let etag = desk.put(&at.url, &at.headers, BYTES).await.unwrap();
    let shorter = desk.complete(alice, 1, &list(b"ab", &etag)).await;
    assert_eq!(code(shorter), said("parts_mismatch"));
    let longer = desk.complete(alice, 1, &list(b"abcd", &etag)).await;
    assert_eq!(code(longer), ("too_large".to_owned(), Some(3)));
    assert_eq!(code(desk.download(&desk.bob, 1).await), said("not_found"));
    // And the upload goes on as if nothing had been said.
    desk.complete(alice, 1, &list(BYTES, &etag)).await.unwrap();
    desk.keep(alice, 1).await;
    assert_eq!(desk.settled().await, 1);
}

/// The one outcome that differs: s3s-fs does not tell the tags of parts. What was put is bound by its hash on either.
#[tokio::test]
async fn wrong_tag_completes_nothing_where_the_storage_tells_tags() {
    let (desk, at) = with_address().await;
    desk.put(&at.url, &at.headers, BYTES).await.unwrap();
    let completed = desk.complete(&desk.alice, 1, &list(BYTES, &"0".repeat(32))).await;
    match Server::chosen() {
        Server::S3sFs => assert_eq!(completed, Ok(())),
        Server::Garage(_) => assert_eq!(code(completed), said("parts_mismatch")),
    }
}

#[tokio::test]
async fn completing_twice_makes_one_object_and_nothing_can_be_put_into_it() {
    let (desk, at) = with_address().await;
    let alice = &desk.alice;
    let etag = desk.put(&at.url, &at.headers, BYTES).await.unwrap();
    let real = list(BYTES, &etag);
    let (one, two) = tokio::join!(desk.complete(alice, 1, &real), desk.complete(alice, 1, &real));
    assert_eq!((one, two), (Ok(()), Ok(())));
    assert_eq!(desk.complete(alice, 1, &real).await, Ok(()));
    let mut other = real.clone();
    other.sha256.0[0] ^= 1;
    assert_eq!(code(desk.complete(alice, 1, &other).await), said("blob_conflict"));
    assert_eq!(code(desk.sign(alice, 1, BYTES).await), said("blob_conflict"));
    assert_eq!(
        desk.put(&at.url, &at.headers, BYTES).await,
        None,
        "its upload is over"
    );
    desk.keep(alice, 1).await;
    assert_eq!(desk.settled().await, 1);
    desk.delete(alice, 1).await.unwrap();
    assert_eq!(code(desk.complete(alice, 1, &real).await), said("expired"));
    assert_eq!(desk.settled().await, 0);
}

#[tokio::test]
async fn more_than_the_quota_or_the_reservation_gets_no_address() {
    let desk = Desk::with(&[
        ("SEALPOST__LIMITS__BLOB_ACCOUNT_QUOTA_BYTES", "100"),
        ("SEALPOST__LIMITS__BLOB_SPACE_QUOTA_BYTES", "150"),
        ("SEALPOST__LIMITS__BLOBS_PER_ACCOUNT_AND_SPACE", "3"),
    ])
    .await;
    let (alice, bob) = (&desk.alice, &desk.bob);
    let quota = |limit| ("quota_exceeded".to_owned(), Some(limit));
    assert_eq!(code(desk.reserve(alice, 1, 101).await), quota(100));
    desk.reserve(alice, 1, 60).await.unwrap();
    assert_eq!(code(desk.reserve(alice, 2, 41).await), quota(100));
    assert_eq!(code(desk.reserve(bob, 3, 91).await), quota(150));
    desk.reserve(bob, 3, 1).await.unwrap();
    desk.reserve(bob, 4, 1).await.unwrap();
    assert_eq!(code(desk.reserve(bob, 5, 1).await), quota(3));
    let beyond = desk.sign(alice, 1, &[7; 61]).await;
    assert_eq!(code(beyond), ("too_large".to_owned(), Some(60)));
    let parted = desk.sign(bob, 1, BYTES).await;
    assert_eq!(code(parted), said("not_found"), "it is Alice's");
    assert_eq!(desk.settled().await, 0);
}
