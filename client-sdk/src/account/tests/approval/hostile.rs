//! A relay, or somebody who has seen the code, that gains nothing.

use sealpost_protocol::http::Base64Bytes;

use super::*;
use crate::keystore::SealedKeystore;
use crate::store::account::Generation;

impl Scene {
    /// What Alice would grant to a device.
    async fn grant(&self, pending: &PendingLogin) -> Grant {
        let shared = self.alice.shared();
        let local = shared.local_account().await.unwrap();
        Grant {
            origin: self.relay.url(),
            handle: "alice".to_owned(),
            account_id: local.account_id,
            principal_id: local.content.identity.id(),
            request: *pending.code().request(),
            root_key: SecretKey::from(*local.root_key.expose_bytes()),
            generation: local.generation,
        }
    }

    /// Hands a device this grant, signed by `owner` and sealed under `code`.
    async fn hand_over(
        &self,
        pending: PendingLogin,
        grant: &Grant,
        owner: &Identity,
        code: &DeviceCode,
    ) -> Result<Client, Error> {
        let (token, id) = (pending.code().token(), grant.account_id);
        let key = self.relay.state().waiting[&token.expose_bytes()[..]]
            .shown
            .hpke_key
            .0
            .clone();
        let sealed = grant.seal(owner, code, &key, &mut entropy::system()).unwrap();
        self.relay.misbehave(Faults {
            approval: Some(sealed),
            let_into: Some(id),
            ..Faults::default()
        });
        enter(pending).await
    }

    async fn hand_over_as_alice(&self, pending: PendingLogin, grant: &Grant) -> Result<Client, Error> {
        let code = typed(&pending);
        self.hand_over(pending, grant, &self.alice.shared().identity, &code)
            .await
    }

    fn asked(&self, part: &str) -> bool {
        self.relay.state().asked.iter().any(|path| path.contains(part))
    }
}

#[tokio::test]
async fn relay_that_exchanges_key_or_name_of_a_new_device_gets_no_approval() {
    let scene = Scene::new().await;
    let (pending, other) = (scene.pending().await, scene.pending().await);
    let shown = |pending: &PendingLogin| {
        let token = pending.code().token();
        scene.relay.state().waiting[&token.expose_bytes()[..]]
            .shown
            .clone()
    };
    let mut renamed = shown(&pending);
    renamed.device_name = "Alice's laptop".to_owned();
    for device in [shown(&other), renamed] {
        scene.relay.misbehave(Faults {
            device: Some(device),
            ..Faults::default()
        });
        expect_alarm(
            scene.look_up(&pending).await,
            "another device than the one whose code",
        );
        assert!(!scene.asked("grant"));
    }
}

#[tokio::test]
async fn code_for_another_relay_or_account_lets_nobody_in() {
    let scene = Scene::new().await;
    let elsewhere = TestRelay::start().await;
    let pending = pending(&Home::new(&elsewhere)).await;
    expect_code_invalid(scene.look_up(&pending).await);
    // A relay in the middle carries the request over to where Alice is.
    scene.relay.state().waiting = elsewhere.state().waiting.clone();
    expect_alarm(scene.look_up(&pending).await, "another relay");
    let (bob, _) = Home::new(&scene.relay).register("bob").await;
    let refused = bob.new_device(typed(&pending)).await;
    assert!(matches!(refused.err(), Some(Error::Usage(_))));
    assert!(!scene.asked("grant"));
}

#[tokio::test]
async fn approval_that_a_relay_makes_up_without_the_code_is_refused() {
    let scene = Scene::new().await;
    let pending = scene.pending().await;
    let grant = scene.grant(&pending).await;
    // All that the relay knows of the code: the request, not the secret.
    let guessed = DeviceCode::new([0; 16], *pending.code().request(), "alice");
    let identity = &scene.alice.shared().identity;
    let entered = scene.hand_over(pending, &grant, identity, &guessed).await;
    expect_alarm(entered, "nobody made who has seen this device's code");
    assert_eq!(
        scene.relay.sessions(),
        1,
        "the session that came with it is ended"
    );
}

#[tokio::test]
async fn approval_of_an_earlier_request_is_refused_by_the_next_one() {
    let scene = Scene::new().await;
    let first = scene.pending().await;
    scene.approve(&first).await;
    let Approval(approved) = first.approved().await.unwrap();
    let home = Home::new(&scene.relay);
    let next = pending(&home).await;
    scene.relay.misbehave(Faults {
        approval: Some(approved.sealed_approval.0),
        let_into: Some(approved.login.account_id),
        ..Faults::default()
    });
    expect_alarm(enter(next).await, "nobody made who has seen this device's code");
    expect_not_logged_in(Client::open(home.config()).await);
}

#[tokio::test]
async fn flipped_and_cut_approvals_are_refused_alike() {
    let scene = Scene::new().await;
    for damage in [0, 1119, 1120, 1200, usize::MAX] {
        let pending = scene.pending().await;
        scene.approve(&pending).await;
        let mut approval = pending.approved().await.unwrap();
        let bytes = &mut approval.0.sealed_approval.0;
        match bytes.get_mut(damage) {
            Some(byte) => *byte ^= 1,
            None => bytes.truncate(1000),
        }
        expect_alarm(
            pending.enter(approval).await,
            "nobody made who has seen this device's code",
        );
    }
    assert_eq!(scene.relay.sessions(), 1);
}

#[tokio::test]
async fn grant_for_another_request_relay_or_account_is_refused() {
    let scene = Scene::new().await;
    let changes: [fn(&mut Grant); 3] = [
        |grant| grant.request[0] ^= 1,
        |grant| grant.origin = "https://relay.example.org".to_owned(),
        |grant| grant.handle = "mallory".to_owned(),
    ];
    for change in changes {
        let pending = scene.pending().await;
        let mut grant = scene.grant(&pending).await;
        change(&mut grant);
        let entered = scene.hand_over_as_alice(pending, &grant).await;
        expect_alarm(entered, "for another device, relay or account");
    }
}

#[tokio::test]
async fn session_of_another_account_than_the_approved_one_is_refused() {
    let scene = Scene::new().await;
    let (bob, _) = Home::new(&scene.relay).register("bob").await;
    let into_bobs = Some(bob.account().account_id);
    for handle in [None, Some("alice".to_owned())] {
        let pending = scene.pending().await;
        scene.approve(&pending).await;
        scene.relay.misbehave(Faults {
            let_into: into_bobs,
            handle,
            ..Faults::default()
        });
        expect_alarm(enter(pending).await, "another account than it was approved for");
        scene.relay.misbehave(Faults::default());
    }
    assert_eq!(scene.relay.sessions(), 2);
}

#[tokio::test]
async fn somebody_who_has_seen_the_code_does_not_get_the_device_into_their_account() {
    let scene = Scene::new().await;
    let (mallory, _) = Home::new(&scene.relay).register("mallory").await;
    let pending = scene.pending().await;
    let refused = mallory.new_device(typed(&pending)).await;
    assert!(matches!(refused.err(), Some(Error::Usage(_))));
    let local = mallory.shared().local_account().await.unwrap();
    let grant = Grant {
        account_id: local.account_id,
        principal_id: local.content.identity.id(),
        root_key: SecretKey::from(*local.root_key.expose_bytes()),
        generation: local.generation,
        ..scene.grant(&pending).await
    };
    let (identity, code) = (&mallory.shared().identity, typed(&pending));
    let entered = scene.hand_over(pending, &grant, identity, &code).await;
    expect_alarm(entered, "another account than it was approved for");
}

#[tokio::test]
async fn approval_is_signed_by_the_owner_of_the_keystore_or_refused() {
    let scene = Scene::new().await;
    let stranger = Identity::generate(&mut entropy::system());
    for names_the_stranger in [false, true] {
        let pending = scene.pending().await;
        let mut grant = scene.grant(&pending).await;
        if names_the_stranger {
            grant.principal_id = stranger.id();
        }
        let code = typed(&pending);
        let entered = scene.hand_over(pending, &grant, &stranger, &code).await;
        expect_alarm(entered, "not signed by the owner of the keystore");
    }
}

#[tokio::test]
async fn older_keystore_than_the_approver_has_seen_is_refused() {
    let scene = Scene::new().await;
    let old = scene.relay.keystore();
    scene
        .alice
        .new_recovery_code(&passphrase(PASSPHRASE))
        .await
        .unwrap();
    let pending = scene.pending().await;
    scene.approve(&pending).await;
    scene.relay.misbehave(Faults {
        keystore: Some(Some(old)),
        ..Faults::default()
    });
    expect_alarm(enter(pending).await, "generation 1");
    let pending = scene.pending().await;
    let mut grant = scene.grant(&pending).await;
    grant.root_key = SecretKey::from([1; 32]);
    expect_alarm(
        scene.hand_over_as_alice(pending, &grant).await,
        "the keystore does not open",
    );
}

#[tokio::test]
async fn relay_learns_neither_root_key_nor_code() {
    let scene = Scene::new().await;
    let pending = scene.pending().await;
    let local = scene.alice.shared().local_account().await.unwrap();
    let text = pending.code().expose_text();
    let (_, symbols) = text.rsplit_once(':').unwrap();
    let (preshared, root_key) = (pending.code().preshared_key(), *local.root_key.expose_bytes());
    let symbols = symbols.as_bytes().to_vec();
    scene.approve(&pending).await;
    enter(pending).await.unwrap();
    let received = scene.relay.state().received.clone();
    for secret in [&preshared[..], &root_key, &symbols] {
        let base64 = serde_json::to_value(Base64Bytes(secret.to_vec())).unwrap();
        let base64 = base64.as_str().unwrap().as_bytes();
        assert!(!contains(&received, secret) && !contains(&received, base64));
    }
    let keystore = SealedKeystore::parse(&scene.relay.keystore()).unwrap();
    assert_eq!(
        Generation::of(&keystore),
        local.generation,
        "an approval changes no keystore"
    );
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
