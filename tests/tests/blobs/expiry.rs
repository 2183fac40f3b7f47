//! How long an address is good for who holds one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sealpost_protocol::hash::sha256;
use sealpost_relay::blobs::ports::{BlobStorage, Upload};
use sealpost_relay::blobs::s3::S3Storage;
use sealpost_relay::blobs::{ObjectKey, Part};
use sealpost_relay::clock::{Clock, SystemClock};
use time::OffsetDateTime;

use crate::desk::{Desk, id, list};
use crate::object::Object;

const BYTES: &[u8] = b"abc";
const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

/// A clock that is behind by so many seconds. What it has dated was signed so long ago.
#[derive(Default)]
struct Behind(AtomicI64);

impl Clock for Behind {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() - time::Duration::seconds(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn address_is_refused_when_it_is_five_minutes_old() {
    let desk = Desk::new().await;
    desk.store_blob(&desk.alice, 1, BYTES).await;
    let object = Object::of(&desk.relay.blob_keeper(), id(1)).await;
    let clock = Arc::new(Behind::default());
    let storage = S3Storage::new(desk.store.settings(), FIVE_MINUTES, None, clock.clone()).unwrap();
    // The server is tried while the clock is right.
    storage.dialect().await.unwrap();
    let key = ObjectKey {
        rest: [7; 32],
        ..object.key
    };
    let upload = Upload {
        key,
        id: storage.begin(&key).await.unwrap(),
    };
    let part = Part {
        number: 1,
        length: BYTES.len() as u64,
        sha256: sha256(BYTES),
    };
    for (seconds, good) in [(301, false), (240, true), (360, false)] {
        clock.0.store(seconds, Ordering::Relaxed);
        let get = storage.sign_get(&object.key).await.unwrap();
        let got = desk.http.get(get.url).send().await.unwrap();
        assert_eq!(got.status().is_success(), good, "{seconds}: {got:?}");
        let put = storage.sign_put(&upload, &part).await.unwrap();
        let put = desk.put(&put.url, &put.headers, BYTES).await;
        assert_eq!(put.is_some(), good, "{seconds}");
    }
    storage.abandon(&key.to_string(), &upload.id).await.unwrap();
    assert_eq!(desk.settled().await, 1);
}

#[tokio::test]
async fn removed_member_gets_no_address_and_holds_none_for_longer_than_five_minutes() {
    let desk = Desk::new().await;
    desk.store_blob(&desk.alice, 1, BYTES).await;
    desk.reserve(&desk.bob, 2, BYTES.len() as u64).await.unwrap();
    let held = [
        desk.download(&desk.bob, 1)
            .await
            .map(|at| (at.url, at.expires_at)),
        desk.sign(&desk.bob, 2, BYTES)
            .await
            .map(|at| (at.url, at.expires_at)),
    ];
    desk.remove_bob().await;
    let at_most = SystemClock.now() + FIVE_MINUTES;
    for (url, expires_at) in held.map(Result::unwrap) {
        // The server counts from the date in the address, which is signed like this.
        assert!(url.contains("X-Amz-Expires=300&"), "{url}");
        assert!(expires_at <= at_most);
    }
    for refused in [
        desk.download(&desk.bob, 1).await.map(drop),
        desk.sign(&desk.bob, 2, BYTES).await.map(drop),
        desk.reserve(&desk.bob, 3, 1).await.map(drop),
        desk.complete(&desk.bob, 2, &list(BYTES, "a")).await,
        desk.delete(&desk.bob, 2).await,
    ] {
        assert_eq!(refused.unwrap_err().code, "not_a_member");
    }
    assert_eq!(desk.settled().await, 1, "what Bob had begun goes");
}
