//! I-8 at a real relay that is killed. The steps are counted, not listed: each request that a change makes is one.

use std::sync::Mutex;

use super::*;
use sealpost_tests::steps::{Moment, Step, StepProxy};

struct Scene {
    relay: ChildRelay,
    proxy: StepProxy,
    devices: Devices,
    alice: Client,
    passphrase: String,
    code: RecoveryCode,
}

impl Scene {
    async fn new() -> Self {
        let (database, proxy) = (Database::create().await, StepProxy::start().await);
        let relay = ChildRelay::start(open_to_all(&database).behind(proxy.address())).await;
        proxy.lead_to(relay.addresses().public);
        let devices = Devices::at(format!("http://{}", proxy.address()));
        let (alice, code) = devices.register("alice", None).await.unwrap();
        Self {
            relay,
            proxy,
            devices,
            alice,
            passphrase: PASSPHRASE.to_owned(),
            code,
        }
    }

    /// Runs a change of Alice's during which the relay is killed at `step`, and starts the relay again.
    async fn kill_at<T>(self, step: Step, change: impl Future<Output = T>) -> (Self, T) {
        let Self { relay, proxy, .. } = self;
        proxy.stop_at(step);
        let kill = async {
            proxy.reached().await;
            relay.kill_9_and_restart().await
        };
        let (result, relay) = tokio::join!(change, kill);
        (Self { relay, proxy, ..self }, result)
    }

    async fn opened_by(&self, text: &str) -> Option<Client> {
        match self.devices.log_in("alice", text).await {
            Ok(client) => Some(client),
            Err(Error::NotAuthenticated(_)) => None,
            Err(error) => panic!("{error}"),
        }
    }
}

fn steps(count: usize) -> impl Iterator<Item = Step> {
    (0..count).flat_map(|after| [Moment::Asked, Moment::Answered].map(|moment| Step { after, moment }))
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_killed_at_any_step_of_a_new_passphrase_leaves_one_that_opens() {
    let mut scene = Scene::new().await;
    scene.proxy.count_anew();
    let (old, new) = (passphrase(PASSPHRASE), passphrase("the first of many"));
    scene.alice.change_passphrase(&old, &new).await.unwrap();
    let count = scene.proxy.count_anew();
    scene.passphrase = "the first of many".to_owned();
    for (number, step) in steps(count).enumerate() {
        let next = format!("passphrase number {number}");
        let (alice, old) = (scene.alice.clone(), passphrase(&scene.passphrase));
        let reported;
        let new = passphrase(&next);
        (scene, reported) = Box::pin(scene.kill_at(step, alice.change_passphrase(&old, &new))).await;
        let by_old = scene.opened_by(&scene.passphrase).await;
        let by_new = scene.opened_by(&next).await;
        assert_ne!(by_old.is_some(), by_new.is_some(), "{step:?}");
        assert!(reported.is_err() || by_new.is_some(), "{step:?}");
        if by_new.is_some() {
            scene.passphrase = next;
        }
        assert_eq!(by_old.or(by_new).unwrap().account(), scene.alice.account());
        scene.alice.refresh_keystore().await.unwrap();
    }
    let by_code = scene.devices.recover(&scene.code).await.unwrap();
    assert_eq!(by_code.account(), scene.alice.account());
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_killed_at_any_step_of_a_new_recovery_code_locks_nobody_out() {
    let mut scene = Scene::new().await;
    scene.proxy.count_anew();
    scene.code = scene
        .alice
        .new_recovery_code(&passphrase(PASSPHRASE))
        .await
        .unwrap();
    for step in steps(scene.proxy.count_anew()) {
        let (alice, secret) = (scene.alice.clone(), passphrase(PASSPHRASE));
        let paper = Mutex::new(None);
        let issuing = async {
            let prepared = alice.prepare_recovery_code(&secret).await?;
            let shown = prepared.secret().expose_text();
            *paper.lock().unwrap() = Some(RecoveryCode::parse(&shown).unwrap());
            prepared.commit().await
        };
        let issued;
        (scene, issued) = Box::pin(scene.kill_at(step, issuing)).await;
        match scene.devices.recover(&scene.code).await {
            Ok(_) => assert!(issued.is_err(), "{step:?}"),
            by_old => {
                expect_not_authenticated(by_old);
                scene.code = paper.into_inner().unwrap().expect("what counts was shown");
            }
        }
        let by_code = scene.devices.recover(&scene.code).await.unwrap();
        let by_passphrase = scene.opened_by(&scene.passphrase).await.unwrap();
        assert_eq!(by_code.account(), by_passphrase.account());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_killed_at_any_step_of_an_approval_locks_nobody_out_and_the_next_one_lets_in() {
    let mut scene = Scene::new().await;
    scene.proxy.count_anew();
    let home = scene.devices.new_home();
    approvals::let_in(&scene.alice, home).await.unwrap();
    for step in steps(scene.proxy.count_anew()) {
        let (alice, home) = (scene.alice.clone(), scene.devices.new_home());
        let entered;
        (scene, entered) = Box::pin(scene.kill_at(step, approvals::let_in(&alice, home.clone()))).await;
        let by_passphrase = scene.opened_by(&scene.passphrase).await.unwrap();
        let by_code = scene.devices.recover(&scene.code).await.unwrap();
        assert_eq!(by_code.account(), by_passphrase.account());
        scene.alice.refresh_keystore().await.unwrap();
        if let Ok(phone) = entered {
            phone.refresh_keystore().await.unwrap();
        }
        let phone = approvals::let_in(&scene.alice, home).await.unwrap();
        assert_eq!(phone.account(), scene.alice.account(), "{step:?}");
    }
}
