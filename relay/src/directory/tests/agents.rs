use sealpost_protocol::{
    agent::sign_agent_login,
    http::{AgentEnroll, AgentLoginFinish, PairingStart},
};
use time::Duration;

use super::super::*;
use crate::testing::{ADDRESS, ORIGIN, Person, TestAgent, TestDirectory, authenticate, registered};

async fn alice_with_helper() -> (TestDirectory, AuthenticatedSession, AuthenticatedSession) {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let enrolled = TestAgent::new(7).pair(&test, &alice, "helper").await.unwrap();
    let helper = test
        .directory
        .authenticate(ADDRESS, &enrolled.session_token)
        .await;
    (test, alice, helper.unwrap())
}

#[tokio::test]
async fn agent_enrolls_once_with_the_code_of_its_owner() {
    let (test, alice, helper) = alice_with_helper().await;
    let agent = TestAgent::new(7);
    assert!(helper.is_agent() && !alice.is_agent());
    assert_eq!(helper.account_id(), alice.account_id());
    assert_eq!(helper.principal_id(), agent.manifest().id());
    let listed = test.directory.agents(&alice).await.unwrap().agents;
    assert_eq!((listed[0].name.as_str(), listed.len()), ("helper", 1));
    assert_eq!(listed[0].signed_manifest, agent.enroll().signed_manifest);

    let second = AgentEnroll {
        signed_manifest: TestAgent::new(8).enroll().signed_manifest,
        ..agent.enroll()
    };
    let refused = test.directory.enroll_agent(ADDRESS, second).await;
    assert!(matches!(refused, Err(DirectoryError::PairingCodeInvalid)));
    let known = test.directory.manifest(helper.principal_id()).await.unwrap();
    assert_eq!(known, Some(agent.manifest()));
}

#[tokio::test]
async fn of_two_codes_for_one_name_one_makes_an_agent_until_that_is_revoked() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let bob = registered(&test, &Person::bob()).await;
    let agents = [7, 8, 9].map(TestAgent::new);
    for (agent, owner) in agents.iter().zip([&alice, &alice, &bob]) {
        let request = agent.pairing_start("helper");
        test.directory.begin_pairing(owner, &request).await.unwrap();
    }
    let enroll = |agent: &TestAgent| test.directory.enroll_agent(ADDRESS, agent.enroll());
    enroll(&agents[0]).await.unwrap();
    let second = enroll(&agents[1]).await;
    assert!(matches!(second, Err(DirectoryError::AgentNameTaken)));
    enroll(&agents[2]).await.unwrap();
    let revoking = test.directory.revoke_agent(&alice, agents[0].manifest().id());
    revoking.await.unwrap();
    enroll(&agents[1]).await.unwrap();
    assert_eq!(test.directory.agents(&alice).await.unwrap().agents.len(), 1);
}

#[tokio::test]
async fn expired_and_unknown_codes_are_refused_alike() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let agent = TestAgent::new(7);
    let unknown = test.directory.enroll_agent(ADDRESS, agent.enroll()).await;
    assert!(matches!(unknown, Err(DirectoryError::PairingCodeInvalid)));
    let request = agent.pairing_start("helper");
    let started = test.directory.begin_pairing(&alice, &request).await.unwrap();
    test.clock.advance(Duration::minutes(10));
    assert_eq!(started.expires_at, test.clock.now());
    let expired = test.directory.enroll_agent(ADDRESS, agent.enroll()).await;
    assert!(matches!(expired, Err(DirectoryError::PairingCodeInvalid)));
    assert_eq!(test.directory.sweep().await.unwrap().pairing_codes, 1);
}

#[tokio::test]
async fn only_the_newest_codes_of_an_account_count() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    for seed in 1..=17 {
        let request = TestAgent::new(seed).pairing_start("helper");
        test.directory.begin_pairing(&alice, &request).await.unwrap();
        test.clock.advance(Duration::seconds(1));
    }
    let oldest = test
        .directory
        .enroll_agent(ADDRESS, TestAgent::new(1).enroll())
        .await;
    assert!(matches!(oldest, Err(DirectoryError::PairingCodeInvalid)));
    let next = test
        .directory
        .enroll_agent(ADDRESS, TestAgent::new(2).enroll())
        .await;
    assert!(next.is_ok());
}

#[tokio::test]
async fn names_lifetimes_and_manifests_out_of_bounds_are_malformed_and_use_no_code_up() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let agent = TestAgent::new(7);
    let malformed = async |request: &PairingStart| {
        let refused = test.directory.begin_pairing(&alice, request).await;
        matches!(refused, Err(DirectoryError::Malformed(_)))
    };
    assert!(malformed(&agent.pairing_start("")).await);
    for lifetime_seconds in [0, 86_401, u32::MAX] {
        let request = PairingStart {
            lifetime_seconds,
            ..agent.pairing_start("helper")
        };
        assert!(malformed(&request).await, "{lifetime_seconds}");
    }
    let request = agent.pairing_start("helper");
    test.directory.begin_pairing(&alice, &request).await.unwrap();
    let human = AgentEnroll {
        signed_manifest: Person::bob().signed_manifest(),
        ..agent.enroll()
    };
    let refused = test.directory.enroll_agent(ADDRESS, human).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::Malformed("signed_manifest"))
    ));
    assert!(test.directory.enroll_agent(ADDRESS, agent.enroll()).await.is_ok());
}

#[tokio::test]
async fn an_account_has_no_more_agents_than_it_may() {
    let mut settings = DirectorySettings::new(ORIGIN);
    settings.limits.registrations_per_address.burst = 1000;
    settings.limits.changes_per_account.burst = 1000;
    let test = TestDirectory::with(settings).await;
    let alice = registered(&test, &Person::alice()).await;
    for seed in 1..=100 {
        let name = format!("helper {seed}");
        TestAgent::new(seed).pair(&test, &alice, &name).await.unwrap();
    }
    let refused = TestAgent::new(101).pair(&test, &alice, "one more").await;
    assert!(matches!(
        refused,
        Err(DirectoryError::TooManyAgents { limit: 100 })
    ));
}

#[tokio::test]
async fn agent_logs_in_by_a_signed_challenge_once_and_within_a_minute() {
    let (test, _, first) = alice_with_helper().await;
    let agent = TestAgent::new(7);
    let logged_in = agent.log_in(&test).await.unwrap();
    assert_eq!(logged_in.name, "helper");
    let second = test
        .directory
        .authenticate(ADDRESS, &logged_in.session_token)
        .await
        .unwrap();
    assert_ne!(second.session_id(), first.session_id());
    assert_eq!(second.principal_id(), first.principal_id());

    let started = test
        .directory
        .start_agent_login(ADDRESS, &agent.login_start())
        .await
        .unwrap();
    let finish = agent.login_finish(&started);
    assert!(
        test.directory
            .finish_agent_login(ADDRESS, finish.clone())
            .await
            .is_ok()
    );
    let again = test.directory.finish_agent_login(ADDRESS, finish).await;
    assert!(matches!(again, Err(DirectoryError::Expired)));
    let started = test
        .directory
        .start_agent_login(ADDRESS, &agent.login_start())
        .await
        .unwrap();
    test.clock.advance(Duration::minutes(1));
    let late = test
        .directory
        .finish_agent_login(ADDRESS, agent.login_finish(&started))
        .await;
    assert!(matches!(late, Err(DirectoryError::Expired)));
}

#[tokio::test]
async fn unknown_agent_gets_a_challenge_and_fails_as_a_wrong_signature_does() {
    let (test, _, _) = alice_with_helper().await;
    let (agent, stranger) = (TestAgent::new(7), TestAgent::new(9));
    let started = test
        .directory
        .start_agent_login(ADDRESS, &stranger.login_start())
        .await
        .unwrap();
    assert_eq!((started.login_id.0.len(), started.challenge.0.len()), (16, 32));
    let refused = test
        .directory
        .finish_agent_login(ADDRESS, stranger.login_finish(&started))
        .await;
    assert!(matches!(refused, Err(DirectoryError::LoginFailed)));

    let started = test
        .directory
        .start_agent_login(ADDRESS, &agent.login_start())
        .await
        .unwrap();
    let by_another = test
        .directory
        .finish_agent_login(ADDRESS, stranger.login_finish(&started))
        .await;
    assert!(matches!(by_another, Err(DirectoryError::LoginFailed)));

    let started = test
        .directory
        .start_agent_login(ADDRESS, &agent.login_start())
        .await
        .unwrap();
    let elsewhere = sign_agent_login(&agent.key, "https://evil.example", &started.challenge.0);
    let finish = AgentLoginFinish {
        signature: elsewhere.to_vec().into(),
        ..agent.login_finish(&started)
    };
    let refused = test.directory.finish_agent_login(ADDRESS, finish).await;
    assert!(matches!(refused, Err(DirectoryError::LoginFailed)));
}

#[tokio::test]
async fn persons_principal_is_no_agent_to_log_in_as() {
    let (test, _, _) = alice_with_helper().await;
    let alice = Person::alice();
    let as_agent = TestAgent {
        key: alice.principal_key.clone(),
        pairing: [0; 32],
    };
    let request = sealpost_protocol::http::AgentLoginStart {
        principal_id: alice.manifest().id(),
    };
    let started = test.directory.start_agent_login(ADDRESS, &request).await.unwrap();
    let refused = test
        .directory
        .finish_agent_login(ADDRESS, as_agent.login_finish(&started))
        .await;
    assert!(matches!(refused, Err(DirectoryError::LoginFailed)));
}

#[tokio::test]
async fn revoked_agent_is_out_at_once_and_leaves_nothing() {
    let (test, alice, helper) = alice_with_helper().await;
    let (id, agent) = (helper.principal_id(), TestAgent::new(7));
    let bob = registered(&test, &Person::bob()).await;
    let not_his = test.directory.revoke_agent(&bob, id).await;
    assert!(matches!(not_his, Err(DirectoryError::NotFound)));
    let started = test
        .directory
        .start_agent_login(ADDRESS, &agent.login_start())
        .await
        .unwrap();
    let mut ended = test.directory.ended_sessions();
    test.directory.revoke_agent(&alice, id).await.unwrap();
    assert_eq!(ended.recv().await, Ok(SessionsEnded::One(helper.session_id())));
    let sessions = [helper.session_id(), alice.session_id()];
    let gone = test.directory.ended_among(&sessions).await.unwrap();
    assert_eq!(gone, [helper.session_id()]);
    let begun_before = test
        .directory
        .finish_agent_login(ADDRESS, agent.login_finish(&started))
        .await;
    assert!(matches!(begun_before, Err(DirectoryError::LoginFailed)));
    assert!(matches!(
        agent.log_in(&test).await,
        Err(DirectoryError::LoginFailed)
    ));
    assert!(test.directory.agents(&alice).await.unwrap().agents.is_empty());
    assert_eq!(test.directory.manifest(id).await.unwrap(), None);
    let again = test.directory.revoke_agent(&alice, id).await;
    assert!(matches!(again, Err(DirectoryError::NotFound)));
}

#[tokio::test]
async fn agent_and_owner_see_and_end_their_own_sessions_only() {
    let (test, alice, helper) = alice_with_helper().await;
    for (caller, other) in [(&alice, &helper), (&helper, &alice)] {
        let listed = test.directory.sessions(caller).await.unwrap().sessions;
        assert_eq!((listed.len(), listed[0].session_id), (1, caller.session_id()));
        let refused = test.directory.end_session(caller, other.session_id()).await;
        assert!(matches!(refused, Err(DirectoryError::NotFound)));
    }
    for _ in 0..DirectorySettings::SESSIONS_PER_AGENT {
        test.clock.advance(Duration::hours(1));
        TestAgent::new(7).log_in(&test).await.unwrap();
    }
    let listed = test.directory.sessions(&helper).await.unwrap().sessions;
    assert_eq!(listed.len(), 4);
    let first = test.directory.ended_among(&[helper.session_id()]).await.unwrap();
    assert_eq!(first, [helper.session_id()]);
    assert_eq!(test.directory.sessions(&alice).await.unwrap().sessions.len(), 1);
}

#[tokio::test]
async fn agent_of_a_disabled_account_is_refused() {
    let (test, alice, _) = alice_with_helper().await;
    let (agent, next) = (TestAgent::new(7), TestAgent::new(8));
    let request = next.pairing_start("next");
    test.directory.begin_pairing(&alice, &request).await.unwrap();
    test.directory.disable_account(alice.account_id()).await.unwrap();
    assert!(matches!(
        agent.log_in(&test).await,
        Err(DirectoryError::AccountDisabled)
    ));
    let refused = test.directory.enroll_agent(ADDRESS, next.enroll()).await;
    assert!(matches!(refused, Err(DirectoryError::AccountDisabled)));
}

#[tokio::test]
async fn signs_of_life_are_noted_now_and_then() {
    let (test, alice, helper) = alice_with_helper().await;
    let last_seen = async || test.directory.agents(&alice).await.unwrap().agents[0].last_seen_at;
    let enrolled = last_seen().await;
    test.clock.advance(Duration::seconds(29));
    test.directory.agent_heartbeat(&helper).await.unwrap();
    assert_eq!(last_seen().await, enrolled);
    test.clock.advance(Duration::seconds(1));
    test.directory.agent_heartbeat(&helper).await.unwrap();
    assert_eq!(last_seen().await, enrolled + Duration::seconds(30));
}

#[tokio::test]
async fn enrolling_and_logging_in_are_limited() {
    let mut settings = DirectorySettings::new(ORIGIN);
    settings.limits.registrations_per_address.burst = 2;
    settings.limits.logins_per_credential.burst = 1;
    let test = TestDirectory::with(settings).await;
    registered(&test, &Person::alice()).await;
    let agent = TestAgent::new(7);
    let unknown = test.directory.enroll_agent(ADDRESS, agent.enroll()).await;
    assert!(matches!(unknown, Err(DirectoryError::PairingCodeInvalid)));
    let refused = test.directory.enroll_agent(ADDRESS, agent.enroll()).await;
    assert!(matches!(refused, Err(DirectoryError::RateLimited { .. })));
    test.directory
        .start_agent_login(ADDRESS, &agent.login_start())
        .await
        .unwrap();
    let refused = test
        .directory
        .start_agent_login(ADDRESS, &agent.login_start())
        .await;
    let credential = LimitScope::Credential;
    assert!(matches!(refused, Err(DirectoryError::RateLimited { scope, .. }) if scope == credential));
}

#[tokio::test]
async fn keys_of_a_revoked_agent_come_back_under_no_account() {
    let (test, alice, helper) = alice_with_helper().await;
    let bob = registered(&test, &Person::bob()).await;
    test.directory
        .revoke_agent(&alice, helper.principal_id())
        .await
        .unwrap();
    for (owner, token) in [(&bob, 8), (&alice, 9)] {
        let again = TestAgent {
            pairing: [token; 32],
            ..TestAgent::new(7)
        };
        let refused = again.pair(&test, owner, "helper").await;
        assert!(matches!(refused, Err(DirectoryError::Malformed("a public key"))));
        assert!(test.directory.agents(owner).await.unwrap().agents.is_empty());
    }
    let left = "SELECT count(*)::text FROM principals WHERE revoked_at IS NOT NULL";
    assert_eq!(test.database.texts(left).await, ["1"]);
}

#[tokio::test]
async fn pairing_twice_with_one_token_answers_twice_alike_and_others_are_refused() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let bob = registered(&test, &Person::bob()).await;
    let request = TestAgent::new(7).pairing_start("helper");
    let first = test.directory.begin_pairing(&alice, &request).await.unwrap();
    test.clock.advance(Duration::seconds(1));
    let again = test.directory.begin_pairing(&alice, &request).await.unwrap();
    assert_eq!(again, first);
    let refused = test.directory.begin_pairing(&bob, &request).await;
    assert!(matches!(refused, Err(DirectoryError::Malformed("pairing_token"))));
}

#[tokio::test]
async fn a_pairing_code_ends_with_the_session_that_made_it() {
    let (test, person) = (TestDirectory::new().await, Person::alice());
    let alice = registered(&test, &person).await;
    let stolen = person.log_in(&test.directory).await.unwrap();
    let stolen = authenticate(&test.directory, &stolen).await;
    let (agent, own) = (TestAgent::new(7), TestAgent::new(8));
    let begin = async |caller, agent: &TestAgent| {
        let request = agent.pairing_start("helper");
        test.directory.begin_pairing(caller, &request).await
    };
    begin(&stolen, &agent).await.unwrap();
    begin(&alice, &own).await.unwrap();
    test.directory
        .end_session(&alice, stolen.session_id())
        .await
        .unwrap();
    let refused = test.directory.enroll_agent(ADDRESS, agent.enroll()).await;
    assert!(matches!(refused, Err(DirectoryError::PairingCodeInvalid)));
    assert!(test.directory.enroll_agent(ADDRESS, own.enroll()).await.is_ok());
    let late = begin(&stolen, &agent).await;
    assert!(matches!(late, Err(DirectoryError::NotAuthenticated)));
}

/// Both count the agents before either has added one, unless the second waits and counts anew.
#[tokio::test]
async fn of_two_that_race_for_the_last_place_one_enrolls() {
    let mut settings = DirectorySettings::new(ORIGIN);
    settings.limits.registrations_per_address.burst = 1000;
    settings.limits.changes_per_account.burst = 1000;
    let test = TestDirectory::with(settings).await;
    let alice = registered(&test, &Person::alice()).await;
    for seed in 1..100 {
        let name = format!("helper {seed}");
        TestAgent::new(seed).pair(&test, &alice, &name).await.unwrap();
    }
    let (one, other) = (TestAgent::new(100), TestAgent::new(101));
    for (agent, name) in [(&one, "one"), (&other, "other")] {
        let request = agent.pairing_start(name);
        test.directory.begin_pairing(&alice, &request).await.unwrap();
    }
    let held = test.database.hold_rows("SELECT FROM accounts FOR UPDATE").await;
    let enroll = |agent: &TestAgent| {
        let (directory, request) = (test.directory.clone(), agent.enroll());
        tokio::spawn(async move { directory.enroll_agent(ADDRESS, request).await.map(drop) })
    };
    let racing = [enroll(&one), enroll(&other)];
    test.database.until_waiting(2).await;
    drop(held);
    let mut refused = 0;
    for outcome in racing {
        match outcome.await.unwrap() {
            Ok(()) => {}
            Err(DirectoryError::TooManyAgents { limit: 100 }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refused, 1);
    assert_eq!(test.directory.agents(&alice).await.unwrap().agents.len(), 100);
}
