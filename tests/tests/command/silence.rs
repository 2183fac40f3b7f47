use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use sealpost_sdk::Client;
use sealpost_tests::{command::Sealpost, database::Database, relay::Relay};

use super::{Garden, open_to_all};

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_space_is_told_when_nobody_else_is_heard_any_more() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, space } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let mut following = alice
        .command(["--json", "--heartbeat", "1", "tail", "garden", "--follow"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut config = bob.config();
    config.heartbeat = Duration::from_secs(1);
    let client = Client::open(config).await.unwrap();
    let bobs = client.space(space.parse().unwrap()).await.unwrap();
    // Both tell as often: who has heard the other this often was heard too.
    let mut heard = bobs.heard();
    for _ in 0..3 {
        heard.changed().await.unwrap();
    }
    drop((bobs, client));
    let told = BufReader::new(following.stderr.take().unwrap())
        .lines()
        .map(|line| line.unwrap())
        .find(|line| line.contains("\"silent\""));
    assert!(told.unwrap().contains("nobody else who follows this space"));
    following.kill().unwrap();
    following.wait().unwrap();
    relay.stop().await;
}
