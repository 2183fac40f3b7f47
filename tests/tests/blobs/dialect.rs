//! What differs between the servers that the suite runs on.

use std::sync::Arc;
use std::time::Duration;

use sealpost_relay::blobs::s3::{Dialect, PartBinding, S3Storage};
use sealpost_relay::clock::SystemClock;
use sealpost_tests::transfers::Server;

/// What each does of S3, as far as anything here stands on it. No test is left out on either. Two things more differ: s3s-fs tells no
/// tags of parts, so that a wrong one is not noticed, and Garage takes no empty part, so that nobody can cut an object to nothing by one.
fn listed(server: &Server) -> Dialect {
    let all = Dialect {
        answers_web: Some(false),
        ..Dialect::GOOD
    };
    match server {
        // It compares no part with its documented checksum, and lists no uploads.
        Server::S3sFs => Dialect {
            binding: Some(PartBinding::PayloadHash),
            lists_uploads: false,
            ..all
        },
        // It replaces an object whatever `If-None-Match` says.
        Server::Garage(_) => Dialect {
            creates_only: false,
            ..all
        },
    }
}

#[tokio::test]
async fn store_of_the_suite_does_what_is_listed_of_it_and_is_good_for_production() {
    let (server, folder) = (Server::chosen(), tempfile::tempdir().unwrap());
    let store = server.start(folder.path()).await;
    let origin = Some("https://app.example.org".to_owned());
    let storage = S3Storage::new(
        store.settings(),
        Duration::from_secs(300),
        origin,
        Arc::new(SystemClock),
    );
    let dialect = storage.unwrap().dialect().await.unwrap();
    println!("{}: {dialect}", server.name());
    assert_eq!(dialect, listed(&server), "{}", server.name());
    assert_eq!(dialect.dangers(), Vec::<&str>::new());
}
