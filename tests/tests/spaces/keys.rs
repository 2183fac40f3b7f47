//! What people notice when the key service is away.

use reqwest::StatusCode;
use sealpost_protocol::code::ErrorCode;
use sealpost_sdk::{Message, Position, SpaceOptions};
use sealpost_tests::{
    database::Database,
    openbao::OwnOpenBao,
    proxy::{FaultProxy, Upstream},
    relay::{Relay, RelayOptions},
};
use toml::Table;

use crate::people::{Pair, Way, open_to_all, read};

/// Relays on one database whose keys OpenBao wraps.
struct Scene {
    database: Database,
    name: FaultProxy,
    kms: Table,
}

impl Scene {
    async fn relay(&self) -> Relay {
        let options = RelayOptions::on(&self.database).with_kms(self.kms.clone());
        let options = options.with("SEALPOST__SOCKETS__RECONNECT_SPREAD_MS", "200");
        Relay::start(open_to_all(options).behind(self.name.address())).await
    }

    fn way(&self) -> Way {
        Way::to(format!("http://{}", self.name.address()))
    }

    fn lead_to(&self, relay: &Relay) {
        self.name.lead_to(Upstream::Tcp(relay.addresses().public));
    }
}

#[tokio::test]
async fn openbao_sealed_under_open_sockets_stops_only_what_needs_it_and_all_recovers() {
    let openbao = OwnOpenBao::start().await;
    let scene = Scene {
        database: Database::create().await,
        name: FaultProxy::start().await,
        kms: openbao.section(),
    };
    let relay = scene.relay().await;
    scene.lead_to(&relay);
    let pair = Pair::meet(&scene.way()).await;
    let attic = pair
        .alices_client
        .create_space("attic", SpaceOptions::default())
        .await
        .unwrap();
    let attic_id = attic.id();
    attic.send(Message::text("before")).await.unwrap();
    drop(attic);
    relay.stop().await;

    // A relay that has opened the garden since it started, and not the attic.
    let warm = scene.relay().await;
    scene.lead_to(&warm);
    let mut at_bob = pair.bobs.subscribe(Position::START);
    pair.alices.send(Message::text("open")).await.unwrap();
    assert_eq!(read(&mut at_bob, 1).await, ["open"]);
    assert_eq!(warm.addresses().ask_ops("/ready").await.0, StatusCode::OK);

    openbao.seal().await;
    pair.alices.send(Message::text("sealed")).await.unwrap();
    assert_eq!(read(&mut at_bob, 1).await, ["sealed"]);
    let attic = pair.alices_client.space(attic_id).await.unwrap();
    assert_eq!(
        attic.sync().await.unwrap_err().code(),
        Some(ErrorCode::KmsUnavailable)
    );
    let (status, report) = warm.addresses().ask_ops("/ready").await;
    assert_eq!(status, StatusCode::OK, "{report}");
    assert!(
        report.contains(r#""status":"degraded","checks""#)
            && report.contains(r#""kms":{"status":"degraded""#),
        "{report}"
    );
    // And one that starts now has opened nothing: not even who asks can be found out without the key of the index.
    let cold = scene.relay().await;
    let (status, problem) = cold.addresses().ask_as("nobody", "/v1/account").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    assert!(problem.contains(r#""code":"kms_unavailable""#), "{problem}");

    // It unseals itself when it starts.
    let _openbao = openbao.kill_9_and_restart().await;
    attic.send(Message::text("after")).await.unwrap();
    assert_eq!(
        read(&mut attic.subscribe(Position::START), 2).await,
        ["before", "after"]
    );
    pair.alices.send(Message::text("unsealed")).await.unwrap();
    assert_eq!(read(&mut at_bob, 1).await, ["unsealed"]);
    for relay in [warm, cold] {
        relay.parts().keys.check().await;
        let (status, problem) = relay.addresses().ask_as("nobody", "/v1/account").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{problem}");
        let (status, report) = relay.addresses().ask_ops("/ready").await;
        assert!(
            status == StatusCode::OK && report.contains(r#""kms":{"status":"ok"}"#),
            "{report}"
        );
        relay.stop().await;
    }
}
