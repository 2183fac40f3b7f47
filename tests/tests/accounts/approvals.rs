//! New devices that are let in by one that is logged in, at a real relay.

use super::*;
use futures_util::StreamExt;
use sealpost_sdk::{DeviceCode, Message, PendingLogin, Position, SpaceOptions};

const NAME: &str = "a phone with a long name";

/// The code as it comes from the other screen.
pub(super) fn typed(pending: &PendingLogin) -> DeviceCode {
    DeviceCode::parse(&pending.code().expose_text()).unwrap()
}

/// All steps of both devices, in their order.
pub(super) async fn let_in(owner: &Client, mut config: ClientConfig) -> Result<Client, Error> {
    config.device_name = NAME.to_owned();
    let pending = Client::login_by_approval(config, "alice").await?;
    let device = owner.new_device(typed(&pending)).await?;
    let secret = passphrase(PASSPHRASE);
    owner.approve_device(&device, Proof::Passphrase(&secret)).await?;
    let approval = pending.approved().await?;
    pending.enter(approval).await
}

#[tokio::test]
async fn device_that_was_let_in_reads_everything_is_listed_and_can_be_revoked() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    let (alice, _) = devices.register("alice", None).await.unwrap();
    let secret = passphrase(PASSPHRASE);
    alice.enable_device_secret(&secret).await.unwrap();
    let garden = alice
        .create_space("garden", SpaceOptions::default())
        .await
        .unwrap();
    garden.send(Message::text("before it came")).await.unwrap();

    let phone = let_in(&alice, devices.new_home()).await.unwrap();
    assert_eq!(phone.account(), alice.account());
    phone.account_at_relay().await.unwrap();
    let on_phone = phone.space(garden.id()).await.unwrap();
    let mut messages = on_phone.subscribe(Position::START);
    assert_eq!(messages.next().await.unwrap().unwrap().body, "before it came");
    on_phone.send(Message::text("from the phone")).await.unwrap();

    let listed = alice.devices().await.unwrap();
    assert_eq!(listed.len(), 2);
    let listed = listed.iter().find(|device| device.device_name == NAME).unwrap();
    // It has proven no passphrase, so that it lets in nobody without one.
    let wrong = passphrase("a passphrase that somebody guessed");
    let other = Client::login_by_approval(devices.new_home(), "alice")
        .await
        .unwrap();
    let device = phone.new_device(typed(&other)).await.unwrap();
    expect_not_authenticated(phone.approve_device(&device, Proof::Passphrase(&wrong)).await);
    other.withdraw().await;
    expect_refused(other.approved().await, ErrorCode::DeviceCodeInvalid);

    let secret = passphrase(PASSPHRASE);
    alice
        .revoke_device(&listed.session_id, Proof::Passphrase(&secret))
        .await
        .unwrap();
    expect_not_authenticated(phone.devices().await);
}

#[tokio::test]
async fn what_lets_a_device_in_is_in_no_row_and_no_log() {
    let database = Database::create().await;
    let (relay, proxy) = child_relay(&database).await;
    let devices = Devices::at(format!("http://{}", proxy.address()));
    let (alice, _) = devices.register("alice", None).await.unwrap();
    let mut config = devices.new_home();
    config.device_name = NAME.to_owned();
    let pending = Client::login_by_approval(config, "alice").await.unwrap();
    let text = pending.code().expose_text();
    let (_, symbols) = text.rsplit_once(':').unwrap();
    let canaries = [
        Canary::new("code of a device", symbols.as_bytes()),
        Canary::new("name of a device", NAME.as_bytes()),
        Canary::new("passphrase", PASSPHRASE.as_bytes()),
    ];
    assert_eq!(search(&database.dump(), &canaries), []);
    let device = alice.new_device(typed(&pending)).await.unwrap();
    let secret = passphrase(PASSPHRASE);
    alice
        .approve_device(&device, Proof::Passphrase(&secret))
        .await
        .unwrap();
    assert_eq!(search(&database.dump(), &canaries), []);
    let approval = pending.approved().await.unwrap();
    pending.enter(approval).await.unwrap();
    assert_eq!(search(&database.dump(), &canaries), []);
    let mut link = database.connect().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM device_requests")
        .fetch_one(&mut link)
        .await
        .unwrap();
    assert_eq!(left, 0);
    relay.terminate();
    let (_, log) = relay.ended().await;
    assert_eq!(search(&log, &canaries), []);
}
