//! What an agent's session is good for.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use sealpost_protocol::http::{
    AgentList, AgentLoggedIn, PairingStarted, SecretToken, SessionList, SpaceList, paths,
};
use serde_json::Value;

use super::client::{Api, problem, space};
use crate::testing::{Person, TestAgent};

async fn alice_with_helper() -> (Api, SecretToken, AgentLoggedIn) {
    let api = Api::new().await;
    let alice = api.register(&Person::alice()).await.session_token;
    let agent = TestAgent::new(7);
    let request = agent.pairing_start("helper");
    let _: PairingStarted = api.post(paths::AGENT_PAIRING, Some(&alice), &request).await;
    let helper = api.post(paths::AGENT_ENROLL, None, &agent.enroll()).await;
    (api, alice, helper)
}

#[tokio::test]
async fn agent_enrolls_logs_in_lives_and_is_revoked() {
    let (api, alice, first) = alice_with_helper().await;
    let agent = TestAgent::new(7);
    let started = api
        .post(paths::AGENT_LOGIN_START, None, &agent.login_start())
        .await;
    let helper: AgentLoggedIn = api
        .post(paths::AGENT_LOGIN_FINISH, None, &agent.login_finish(&started))
        .await;
    assert_eq!(
        (helper.account_id, helper.name.as_str()),
        (first.account_id, "helper")
    );
    let session = Some(&helper.session_token);
    let beat = api
        .call(Method::POST, paths::AGENT_HEARTBEAT, session, None::<&()>)
        .await;
    assert_eq!(beat.status(), StatusCode::NO_CONTENT);
    let spaces: SpaceList = api.get(paths::SPACES, session).await;
    assert_eq!(spaces.spaces, [space()]);
    let sessions: SessionList = api.get(paths::SESSIONS, session).await;
    assert_eq!(sessions.sessions.len(), 2);

    let listed: AgentList = api.get(paths::AGENTS, Some(&alice)).await;
    let path = format!("{}/{}", paths::AGENTS, listed.agents[0].principal_id);
    let revoked = api.call(Method::DELETE, &path, Some(&alice), None::<&()>).await;
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    let refused = api.call(Method::GET, paths::SPACES, session, None::<&()>).await;
    assert_eq!(problem(refused).await.code, "not_authenticated");
    let refused = api
        .call(Method::POST, paths::AGENT_ENROLL, None, Some(&agent.enroll()))
        .await;
    assert_eq!(problem(refused).await.code, "pairing_code_invalid");
}

#[tokio::test]
async fn agent_is_refused_wherever_a_route_does_not_say_otherwise() {
    const OPEN_TO_AGENTS: [&str; 11] = [
        "DELETE /v1/blobs/{space_id}/{blob_id}",
        "DELETE /v1/sessions/current",
        "DELETE /v1/sessions/{session_id}",
        "GET /v1/blobs/{space_id}/{blob_id}",
        "GET /v1/sessions",
        "GET /v1/spaces",
        "POST /v1/agents/heartbeat",
        "POST /v1/blobs",
        "POST /v1/blobs/{space_id}/{blob_id}/complete",
        "POST /v1/blobs/{space_id}/{blob_id}/parts",
        "POST /v1/blobs/{space_id}/{blob_id}/reference",
    ];
    let (api, _, helper) = alice_with_helper().await;
    let document: Value = api.get(paths::OPENAPI, None).await;
    let mut open = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation.get("security").is_none() {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let operation = format!("{method} {path}");
            if OPEN_TO_AGENTS.contains(&operation.as_str()) {
                open.insert(operation);
                continue;
            }
            let path = path.replace(['{', '}'], "");
            let session = Some(&helper.session_token);
            let refused = api.call(method, &path, session, None::<&()>).await;
            assert_eq!(problem(refused).await.code, "agent_not_allowed", "{operation}");
        }
    }
    assert_eq!(open, BTreeSet::from(OPEN_TO_AGENTS.map(str::to_owned)));
}

#[tokio::test]
async fn person_has_no_heartbeat() {
    let (api, alice, _) = alice_with_helper().await;
    let refused = api
        .call(Method::POST, paths::AGENT_HEARTBEAT, Some(&alice), None::<&()>)
        .await;
    assert_eq!(problem(refused).await.code, "not_found");
}
