//! The OpenAPI document says what is served.

use std::collections::BTreeSet;

use axum::http::Method;
use sealpost_protocol::http::paths;
use serde_json::Value;

use super::client::{Api, problem};

async fn document() -> (Api, Value) {
    let api = Api::new().await;
    let document = api.get(paths::OPENAPI, None).await;
    (api, document)
}

#[tokio::test]
async fn every_path_of_the_protocol_is_documented() {
    let (_, document) = document().await;
    let documented: BTreeSet<&str> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        paths::INFO,
        paths::REGISTRATION_START,
        paths::REGISTRATION_FINISH,
        paths::LOGIN_START,
        paths::LOGIN_FINISH,
        paths::RECOVERY_LOGIN_START,
        paths::RECOVERY_LOGIN_FINISH,
        paths::APPROVAL_START,
        paths::APPROVAL_CLAIM,
        paths::APPROVAL_WITHDRAW,
        paths::APPROVAL_LOOKUP,
        paths::APPROVAL_GRANT,
        paths::SESSIONS,
        paths::SESSION_CURRENT,
        "/v1/sessions/{session_id}",
        paths::ACCOUNT,
        paths::PRINCIPAL_LOOKUP,
        paths::SPACES,
        paths::AGENTS,
        "/v1/agents/{principal_id}",
        paths::AGENT_PAIRING,
        paths::AGENT_ENROLL,
        paths::AGENT_LOGIN_START,
        paths::AGENT_LOGIN_FINISH,
        paths::AGENT_HEARTBEAT,
        paths::BLOBS,
        "/v1/blobs/{space_id}/{blob_id}",
        "/v1/blobs/{space_id}/{blob_id}/parts",
        "/v1/blobs/{space_id}/{blob_id}/complete",
        "/v1/blobs/{space_id}/{blob_id}/reference",
        paths::KEYSTORE,
        paths::KEYSTORE_HISTORY,
        "/v1/keystore/history/{version}",
        paths::PASSPHRASE_START,
        paths::KEYSTORE_STAGED,
        paths::KEYSTORE_STAGED_VERIFY,
        paths::KEYSTORE_STAGED_COMMIT,
    ];
    assert_eq!(documented, BTreeSet::from(expected));
}

#[tokio::test]
async fn every_documented_operation_is_served_and_asks_for_a_session_where_it_says_so() {
    let (api, document) = document().await;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{session_id}", "00").replace("{version}", "1");
            let response = api.call(method.clone(), &path, None, None::<&()>).await;
            let is_private = operation.get("security").is_some();
            if response.status().is_success() {
                assert!(!is_private, "{method} {path}");
            } else {
                let code = problem(response).await.code;
                let expected = if is_private {
                    "not_authenticated"
                } else {
                    "malformed"
                };
                assert_eq!(code, expected, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let (_, document) = document().await;
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.contains(&"#/components/schemas/Problem"));
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members
                .values()
                .for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        _ => {}
    }
}
