//! A file crosses between the two clients, by a relay's addresses and through a real S3 server.

use std::sync::Arc;

use sealpost_protocol::code::ErrorCode;
use sealpost_sdk::{Error, Position, PutOptions, blob::BlobReference};
use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
    transfers::{Server, Store},
};
use serde_json::json;
use tempfile::TempDir;

use crate::scene::{Scene, open_to_all};

/// More than a part of the other client's, and no whole number of chunks.
const LENGTH: usize = (6 << 20) + 12_345;

struct Place {
    relay: Relay,
    scene: Scene,
    folder: TempDir,
    _store: Store,
}

impl Place {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Server::chosen().start(&folder.path().join("objects")).await;
        let options = open_to_all(RelayOptions::on(&Database::create().await));
        let relay = Relay::start(store.for_relay(options, store.address(), store.address())).await;
        let addresses = relay.addresses();
        Self {
            scene: Scene::shared(addresses.url(), addresses.public).await,
            relay,
            folder,
            _store: store,
        }
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.into_os_string().into_string().unwrap()
    }

    /// What the first message with a file refers to, as Alice reads it.
    async fn alices_reference(&self) -> BlobReference {
        use futures_util::StreamExt;
        let mut messages = self.scene.garden.subscribe(Position::START);
        loop {
            let message = messages.next().await.unwrap().unwrap();
            if let Some(reference) = message.blob() {
                return reference;
            }
        }
    }

    async fn alice_gets(&self, reference: &BlobReference) -> Result<Vec<u8>, Error> {
        let mut got = Vec::new();
        let garden = &self.scene.garden;
        garden.get_blob(reference, &mut got, Arc::new(|_| ())).await?;
        Ok(got)
    }
}

fn content() -> Vec<u8> {
    (0..LENGTH).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn file_that_the_sdk_put_the_independent_client_gets_whole() {
    let place = Place::set().await;
    let (content, space) = (content(), place.scene.space());
    let options = PutOptions {
        name: "film.mp4".to_owned(),
        content_type: "video/mp4".to_owned(),
        ..PutOptions::default()
    };
    let put = place.scene.garden.put_blob(&content[..], options).await.unwrap();
    // Sealed in another epoch than the reader finds first.
    place.scene.garden.rekey().await.unwrap();
    let (mut bob, _home) = place.scene.bobs_client().await;
    let get = json!({"do": "get", "space": space, "name": "film.mp4", "to": place.path("got")});
    let got = bob.ask(get.clone()).await;
    assert_eq!(got["blob_id"], put.reference.blob_id.to_string());
    assert_eq!(got["content_type"], "video/mp4");
    assert!(std::fs::read(place.path("got")).unwrap() == content);

    let alice = place.scene.alice.account().principal_id;
    let removing = place.scene.garden.delete_blob(&put.reference, alice);
    removing.await.unwrap();
    assert_eq!(bob.ask_in_vain(get).await, "not_found");
    place.relay.stop().await;
}

#[tokio::test]
async fn file_that_the_independent_client_put_the_sdk_gets_whole() {
    let place = Place::set().await;
    let (content, space) = (content(), place.scene.space());
    std::fs::write(place.path("plan"), &content).unwrap();
    let (mut bob, _home) = place.scene.bobs_client().await;
    let put = json!({"do": "put", "space": space, "file": place.path("plan"), "name": "plan.txt", "content_type": "text/plain"});
    let put = bob.ask(put).await;
    let reference = place.alices_reference().await;
    assert_eq!(put["blob_id"], reference.blob_id.to_string());
    assert_eq!(
        (reference.name.as_str(), reference.content_type.as_str()),
        ("plan.txt", "text/plain")
    );
    assert!(place.alice_gets(&reference).await.unwrap() == content);

    bob.ask(json!({"do": "remove", "space": space, "name": "plan.txt"}))
        .await;
    let gone = place.alice_gets(&reference).await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NotFound));
    place.relay.stop().await;
}
