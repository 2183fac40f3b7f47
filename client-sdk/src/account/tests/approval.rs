//! New devices that are let in by one that is logged in.

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::SpaceId;
use tokio::time::{Duration, Instant};

use super::relay::Faults;
use super::*;
use crate::account::approval::grant::Grant;
use crate::account::approval::{Approval, DeviceCode, NewDevice, PendingLogin};
use crate::account::start_over::Proof;
use crate::entropy;
use crate::identity::Identity;
use crate::secret::SecretKey;

mod codes;
mod crash;
mod hostile;
mod vectors;

/// Alice with a device that is logged in.
struct Scene {
    relay: TestRelay,
    alice: Client,
    code: RecoveryCode,
}

impl Scene {
    async fn new() -> Self {
        let relay = TestRelay::start().await;
        let (alice, code) = Home::new(&relay).register("alice").await;
        Self { relay, alice, code }
    }

    async fn pending(&self) -> PendingLogin {
        pending(&Home::new(&self.relay)).await
    }

    /// Has the code typed at Alice's device.
    async fn look_up(&self, pending: &PendingLogin) -> Result<NewDevice, Error> {
        self.alice.new_device(typed(pending)).await
    }

    async fn approve(&self, pending: &PendingLogin) {
        let device = self.look_up(pending).await.unwrap();
        let secret = passphrase(PASSPHRASE);
        let proof = Proof::Passphrase(&secret);
        self.alice.approve_device(&device, proof).await.unwrap();
    }
}

/// A new device that asks to be let in as Alice's.
async fn pending(home: &Home) -> PendingLogin {
    let mut config = home.config();
    config.device_name = "new phone".to_owned();
    let mut pending = Client::login_by_approval(config, "alice").await.unwrap();
    pending.pace = Duration::from_millis(10);
    pending
}

/// The code from the screen, through somebody's fingers.
fn typed(pending: &PendingLogin) -> DeviceCode {
    DeviceCode::parse(&pending.code().expose_text().to_lowercase()).unwrap()
}

async fn enter(pending: PendingLogin) -> Result<Client, Error> {
    let approval = pending.approved().await?;
    pending.enter(approval).await
}

#[track_caller]
fn expect_code_invalid<T>(result: Result<T, Error>) {
    let code = result.err().and_then(|error| error.code());
    assert_eq!(code, Some(ErrorCode::DeviceCodeInvalid));
}

#[tokio::test]
async fn approved_device_has_the_account_and_a_session_of_its_own() {
    let scene = Scene::new().await;
    let Scene { relay, alice, .. } = &scene;
    let secret = alice.enable_device_secret(&passphrase(PASSPHRASE)).await.unwrap();
    let pending = scene.pending().await;
    let device = scene.look_up(&pending).await.unwrap();
    assert_eq!(device.name(), "new phone");
    let words = passphrase(PASSPHRASE);
    alice
        .approve_device(&device, Proof::Passphrase(&words))
        .await
        .unwrap();
    let phone = enter(pending).await.unwrap();
    assert_eq!(phone.account(), alice.account());
    assert_eq!((relay.sessions(), phone.devices().await.unwrap().len()), (2, 2));
    let known = phone.device_secret().await.unwrap().unwrap();
    assert_eq!(*known.expose_text(), *secret.expose_text());
    phone.name_space(SpaceId::new([9; 32]), "garden").await.unwrap();
    alice.refresh_keystore().await.unwrap();
}

#[tokio::test]
async fn recovery_code_proves_as_well_and_a_wrong_proof_lets_nobody_in() {
    let scene = Scene::new().await;
    let pending = scene.pending().await;
    let device = scene.look_up(&pending).await.unwrap();
    let wrong = passphrase("not the passphrase");
    let refused = scene
        .alice
        .approve_device(&device, Proof::Passphrase(&wrong))
        .await;
    expect_not_authenticated(refused);
    let foreign = RecoveryCode::generate(&mut entropy::system());
    let refused = scene
        .alice
        .approve_device(&device, Proof::RecoveryCode(&foreign))
        .await;
    expect_not_authenticated(refused);
    assert_eq!(scene.relay.sessions(), 1);
    let proof = Proof::RecoveryCode(&scene.code);
    scene.alice.approve_device(&device, proof).await.unwrap();
    assert_eq!(enter(pending).await.unwrap().account(), scene.alice.account());
}

#[tokio::test]
async fn logged_out_home_of_the_account_is_let_in_again_and_that_of_another_is_not() {
    let scene = Scene::new().await;
    let home = Home::new(&scene.relay);
    home.log_in("alice", PASSPHRASE).await.unwrap();
    let pending = pending(&home).await;
    scene.approve(&pending).await;
    enter(pending).await.unwrap();
    assert_eq!(scene.relay.sessions(), 2, "the session before is ended");
    let of_bob = Home::new(&scene.relay);
    of_bob.register("bob").await;
    let refused = Client::login_by_approval(of_bob.config(), "alice").await;
    assert!(matches!(refused.err(), Some(Error::Store(_))));
}

#[tokio::test]
async fn withdrawn_code_is_approved_by_nobody() {
    let scene = Scene::new().await;
    let pending = scene.pending().await;
    let device = scene.look_up(&pending).await.unwrap();
    pending.withdraw().await;
    expect_code_invalid(scene.look_up(&pending).await);
    let words = passphrase(PASSPHRASE);
    let late = scene
        .alice
        .approve_device(&device, Proof::Passphrase(&words))
        .await;
    expect_code_invalid(late);
    expect_code_invalid(pending.approved().await);
    assert_eq!(scene.relay.sessions(), 1);
}

#[tokio::test]
async fn device_that_nobody_approves_gives_up_when_its_time_is_over() {
    let scene = Scene::new().await;
    let mut pending = scene.pending().await;
    pending.ends = Instant::now();
    assert_eq!(pending.time_left(), Duration::ZERO);
    expect_code_invalid(pending.approved().await);
    expect_code_invalid(scene.look_up(&pending).await);
}

#[tokio::test]
async fn device_waits_on_while_the_relay_is_away() {
    let scene = Scene::new().await;
    let pending = scene.pending().await;
    scene.approve(&pending).await;
    scene.relay.stop();
    let back = async {
        while scene.relay.state().asked.len() < 3 {
            tokio::task::yield_now().await;
        }
        scene.relay.misbehave(Faults::default());
    };
    let (approval, ()) = tokio::join!(pending.approved(), back);
    pending.enter(approval.unwrap()).await.unwrap();
}
