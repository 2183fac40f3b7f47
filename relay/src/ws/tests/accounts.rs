//! Sockets of real accounts: the directory on Postgres says who comes in and who must go.

use std::sync::Arc;
use std::time::Duration;

use sealpost_protocol::http::LoggedIn;
use sealpost_protocol::wire::client_frame::Body;

use super::super::{DirectorySessions, SocketSettings, end_revoked};
use super::client::{Client, Person as Speaker, unknown_subscription};
use super::relay::{Relay, Times};
use crate::log::tests::actors::Actor;
use crate::testing::{ADDRESS, Person, TestAgent, TestDirectory, authenticate};

/// Long enough that no sweep comes while a test runs.
const DAY: Duration = Duration::from_secs(86_400);

async fn relay(test: &TestDirectory) -> Relay {
    relay_with(test, SocketSettings::default()).await
}

async fn relay_with(test: &TestDirectory, settings: SocketSettings) -> Relay {
    let directory = DirectorySessions {
        directory: test.directory.clone(),
        clock: test.clock.clone(),
    };
    Relay::start_on(settings, Times::default(), Arc::new(directory)).await
}

/// Someone who has registered, and can speak on a socket.
async fn speaker(test: &TestDirectory, person: &Person) -> (Speaker, LoggedIn) {
    let token = Some(test.token().await);
    let logged_in = person.register(&test.directory, token).await.unwrap();
    let speaker = Speaker {
        actor: Actor {
            key: person.principal_key.clone(),
            manifest: person.manifest(),
            writer: Actor::alice().writer,
        },
        token: *logged_in.session_token.expose_bytes(),
        session_id: logged_in.session.session_id,
        account_id: logged_in.account_id,
    };
    (speaker, logged_in)
}

/// An agent of whoever has logged in.
async fn agent_speaker(test: &TestDirectory, owner: &LoggedIn, name: &str, agent: &TestAgent) -> Speaker {
    let caller = authenticate(&test.directory, owner).await;
    let enrolled = agent.pair(test, &caller, name).await.unwrap();
    Speaker {
        actor: Actor {
            key: agent.key.clone(),
            manifest: agent.manifest(),
            writer: Actor::alice().writer,
        },
        token: *enrolled.session_token.expose_bytes(),
        session_id: enrolled.session.session_id,
        account_id: enrolled.account_id,
    }
}

#[tokio::test]
async fn account_opens_a_socket_with_its_session_and_its_principal_only() {
    let test = TestDirectory::new().await;
    let relay = relay(&test).await;
    let (alice, _) = speaker(&test, &Person::alice()).await;
    let (bob, _) = speaker(&test, &Person::bob()).await;
    let mut client = Client::log_in(&relay, &alice).await;
    client.send(unknown_subscription()).await;
    assert_eq!(client.nack().await.1.code, "not_found");
    let (mut thief, nonce) = Client::connect(&relay).await;
    let mut forged = bob.answer(&nonce);
    forged.session_token = alice.answer(&nonce).session_token;
    thief.send(Body::Authenticate(forged)).await;
    assert_eq!(thief.closed().await.0, 4001);
}

/// Whoever has stolen the home of an agent opens as many sockets as there may be.
#[tokio::test]
async fn sockets_of_an_agent_take_no_place_of_its_owners() {
    let test = TestDirectory::new().await;
    let settings = SocketSettings {
        max_sockets_per_account: 1,
        max_sockets_per_agent: 1,
        ..SocketSettings::default()
    };
    let relay = relay_with(&test, settings).await;
    let (alice, logged_in) = speaker(&test, &Person::alice()).await;
    let (helper, other) = (TestAgent::new(7), TestAgent::new(8));
    let helper = agent_speaker(&test, &logged_in, "helper", &helper).await;
    let other = agent_speaker(&test, &logged_in, "other", &other).await;
    let _first = Client::log_in(&relay, &helper).await;
    let (mut second, nonce) = Client::connect(&relay).await;
    second.send(Body::Authenticate(helper.answer(&nonce))).await;
    assert_eq!(second.closed().await, (1008, "rate_limited".to_owned()));
    let _others = [
        Client::log_in(&relay, &other).await,
        Client::log_in(&relay, &alice).await,
    ];
}

#[tokio::test]
async fn session_that_its_owner_ends_loses_its_sockets_at_once() {
    let test = TestDirectory::new().await;
    let relay = relay(&test).await;
    let (alice, logged_in) = speaker(&test, &Person::alice()).await;
    let following = end_revoked(relay.sockets.clone(), test.directory.ended_sessions(), DAY);
    tokio::spawn(following);
    let mut client = Client::log_in(&relay, &alice).await;
    let caller = test
        .directory
        .authenticate(ADDRESS, &logged_in.session_token)
        .await
        .unwrap();
    test.directory
        .end_session(&caller, alice.session_id)
        .await
        .unwrap();
    assert_eq!(client.closed().await, (4002, "not_authenticated".to_owned()));
    let (mut again, nonce) = Client::connect(&relay).await;
    again.send(Body::Authenticate(alice.answer(&nonce))).await;
    assert_eq!(again.closed().await.0, 4001);
}

#[tokio::test]
async fn account_that_another_process_disables_loses_its_sockets_at_the_next_sweep() {
    let test = TestDirectory::new().await;
    let relay = relay(&test).await;
    let (alice, _) = speaker(&test, &Person::alice()).await;
    let mut client = Client::log_in(&relay, &alice).await;
    test.second()
        .await
        .disable_account(alice.account_id)
        .await
        .unwrap();
    relay.sockets.sweep().await.unwrap();
    assert_eq!(client.closed().await.0, 4002);
}
