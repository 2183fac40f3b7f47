//! What people hide is in no row, no log and no metric.

use sealpost_sdk::{Client, ClientConfig, Message, SpaceOptions};
use sealpost_tests::{
    canary::{Canary, search},
    database::Database,
    proxy::{FaultProxy, Upstream},
    relay::{ChildRelay, RelayOptions},
};

use crate::people::{add, open_to_all, passphrase, read_from_start};

const HANDLES: [&str; 2] = ["alice-with-a-long-handle", "bob-with-a-long-handle"];
const TEXTS: [&str; 2] = ["the heron nests behind the mill", "then I bring bread at dusk"];
const SPACE_NAME: &str = "the garden behind the mill";

/// A relay at work, and what must not leave its memory.
struct Scene {
    database: Database,
    relay: ChildRelay,
    canaries: Vec<Canary>,
}

impl Scene {
    /// Alice and Bob register and write to each other.
    async fn play() -> Self {
        let (database, proxy) = (Database::create().await, FaultProxy::start().await);
        let options = open_to_all(RelayOptions::on(&database)).behind(proxy.address());
        let relay = ChildRelay::start(options).await;
        proxy.lead_to(Upstream::Tcp(relay.addresses().public));
        let canaries = exchange(&format!("http://{}", proxy.address())).await;
        Self {
            database,
            relay,
            canaries,
        }
    }

    /// Fails unless `place` holds `known`, so that it is known to be looked into, and no canary.
    fn expect_clean(&self, place: &[u8], known: &str) {
        let known = Canary::new("known", known.as_bytes());
        assert_eq!(search(place, &[known]).len(), 1, "this is not the right place");
        assert_eq!(search(place, &self.canaries), []);
        let planted = [place, TEXTS[0].as_bytes()].concat();
        assert_eq!(search(&planted, &self.canaries).len(), 1);
    }
}

async fn exchange(url: &str) -> Vec<Canary> {
    let homes = tempfile::tempdir().unwrap();
    let mut canaries = vec![
        Canary::new("passphrase", b"a passphrase of five plain words"),
        Canary::new("name of the space", SPACE_NAME.as_bytes()),
    ];
    let mut clients = Vec::new();
    for (handle, text) in HANDLES.into_iter().zip(TEXTS) {
        let config = ClientConfig::new(url, homes.path().join(handle)).unwrap();
        let (client, code) = Client::register(config, handle, &passphrase(), None)
            .await
            .unwrap();
        canaries.push(Canary::new("recovery code", code.expose_text().as_bytes()));
        canaries.push(Canary::new("handle", handle.as_bytes()));
        canaries.push(Canary::new("text", text.as_bytes()));
        clients.push(client);
    }
    write_to_each_other(&clients[0], &clients[1]).await;
    canaries
}

async fn write_to_each_other(alice: &Client, bob: &Client) {
    let options = SpaceOptions::default();
    let alices = alice.create_space(SPACE_NAME, options).await.unwrap();
    add(&alices, alice, bob).await;
    let bobs = bob.space(alices.id()).await.unwrap();
    alices.send(Message::text(TEXTS[0])).await.unwrap();
    bobs.send(Message::text(TEXTS[1])).await.unwrap();
    assert_eq!(read_from_start(&alices, 2).await, TEXTS);
    alices.rekey().await.unwrap();
}

#[tokio::test]
async fn what_people_hide_is_in_no_row_no_log_and_no_metric() {
    let scene = Scene::play().await;
    scene.expect_clean(&scene.database.dump(), "PostgreSQL database dump complete");
    let (_, metrics) = scene.relay.addresses().ask_ops("/metrics").await;
    scene.expect_clean(metrics.as_bytes(), "sealpost_");
    scene.expect_clean(&scene.relay.log(), "address.public");
}
