//! What the API says of blobs by itself; what becomes of them is tried where they are kept.

use axum::http::Method;
use sealpost_protocol::{
    http::{BlobComplete, BlobPartDone, Info, paths},
    ids::{BlobId, SpaceId},
    limits::MAX_BLOB_PARTS,
};

use super::client::{Api, problem};
use crate::testing::Person;

fn list(parts: u32) -> BlobComplete {
    let part = |number| BlobPartDone {
        number,
        length: 256 << 20,
        sha256: vec![0xff; 32].into(),
        etag: "f".repeat(40),
    };
    BlobComplete {
        parts: (1..=parts).map(part).collect(),
        bytes: 1 << 40,
        sha256: vec![0xff; 32].into(),
    }
}

#[tokio::test]
async fn relay_without_a_storage_says_so_after_it_has_read_the_longest_list_of_parts() {
    let api = Api::new().await;
    let info: Info = api.get(paths::INFO, None).await;
    assert_eq!(info.blobs, None);
    let alice = api.register(&Person::alice()).await.session_token;
    let path = paths::blob_complete(&SpaceId::new([1; 32]), &BlobId::new([2; 16]));
    for (parts, code) in [
        (MAX_BLOB_PARTS, "no_blob_storage"),
        (3 * MAX_BLOB_PARTS, "too_large"),
    ] {
        let body = list(parts);
        let refused = api.call(Method::POST, &path, Some(&alice), Some(&body)).await;
        assert_eq!(problem(refused).await.code, code, "{parts}");
    }
}

#[tokio::test]
async fn what_is_no_id_names_no_blob() {
    let api = Api::new().await;
    let alice = api.register(&Person::alice()).await.session_token;
    for path in ["/v1/blobs/00/00", "/v1/blobs/x/y"] {
        for method in [Method::GET, Method::DELETE] {
            let refused = api.call(method, path, Some(&alice), None::<&()>).await;
            assert_eq!(problem(refused).await.code, "not_found", "{path}");
        }
    }
}
