//! I-8: whatever breaks at whatever step of either device, the account opens as before, and the next code lets the device in.

use super::*;
use crate::account::tests::crash::strikes;
use crate::account::tests::relay::Victim;

impl Scene {
    /// All steps of both devices, in their order.
    async fn let_in(&self, home: &Home, proof: Proof<'_>) -> Result<Client, Error> {
        let mut pending = Client::login_by_approval(home.config(), "alice").await?;
        let device = self.look_up(&pending).await?;
        self.alice.approve_device(&device, proof).await?;
        // One question is enough: the approval is there, or the relay is gone.
        pending.ends = Instant::now();
        enter(pending).await
    }

    async fn expect_open(&self) {
        let by_passphrase = Home::new(&self.relay).log_in("alice", PASSPHRASE).await;
        let by_code = Home::new(&self.relay).recover(&self.code).await;
        for client in [by_passphrase, by_code] {
            assert_eq!(client.unwrap().account(), self.alice.account());
        }
        self.alice.refresh_keystore().await.unwrap();
    }
}

#[tokio::test]
async fn approval_struck_at_any_step_of_either_device_leaves_the_account_as_it_was() {
    let scene = Scene::new().await;
    scene.relay.misbehave(Faults::default());
    let secret = passphrase(PASSPHRASE);
    let home = Home::new(&scene.relay);
    scene.let_in(&home, Proof::Passphrase(&secret)).await.unwrap();
    let steps = scene.relay.state().asked.len();
    let keystore = scene.relay.keystore();
    let victims = [Victim::Connection, Victim::Relay, Victim::Client];
    for strike in victims.into_iter().flat_map(|victim| strikes(steps, victim)) {
        let home = Home::new(&scene.relay);
        let entering = scene.let_in(&home, Proof::Passphrase(&secret));
        let entered = scene.relay.strike(strike, Box::pin(entering)).await;
        scene.expect_open().await;
        assert_eq!(scene.relay.keystore(), keystore, "{strike:?}");
        match Client::open(home.config()).await {
            Ok(phone) => phone.refresh_keystore().await.unwrap(),
            Err(Error::NotLoggedIn(_)) => assert!(!matches!(entered, Some(Ok(_))), "{strike:?}"),
            Err(error) => panic!("{strike:?}: {error}"),
        }
        let by_code = Proof::RecoveryCode(&scene.code);
        let phone = scene.let_in(&home, by_code).await.unwrap();
        assert_eq!(phone.account(), scene.alice.account(), "{strike:?}");
    }
}
