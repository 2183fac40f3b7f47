//! A new device is let in, across the wire.

use axum::http::{Method, StatusCode};
use sealpost_protocol::http::{
    ApprovalClaimed, ApprovalRequest, ApprovalStarted, SecretToken, SessionList, paths,
};

use super::client::{Api, problem};
use crate::testing::{Person, TestDevice};

const PHONE: TestDevice = TestDevice { seed: 7 };

async fn done<T: serde::Serialize + Sync>(api: &Api, path: &str, session: Option<&SecretToken>, body: &T) {
    let response = api.call(Method::POST, path, session, Some(body)).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn new_device_asks_is_approved_and_acts_for_the_account() {
    let api = Api::new().await;
    let alice = api.register(&Person::alice()).await.session_token;
    let _: ApprovalStarted = api.post(paths::APPROVAL_START, None, &PHONE.start()).await;
    let waiting: ApprovalClaimed = api.post(paths::APPROVAL_CLAIM, None, &PHONE.claim()).await;
    assert!(waiting.approved.is_none());
    let shown: ApprovalRequest = api
        .post(paths::APPROVAL_LOOKUP, Some(&alice), &PHONE.look_up())
        .await;
    assert_eq!(shown.device_name, TestDevice::NAME);
    done(&api, paths::APPROVAL_GRANT, Some(&alice), &PHONE.grant()).await;
    let claimed: ApprovalClaimed = api.post(paths::APPROVAL_CLAIM, None, &PHONE.claim()).await;
    let session = claimed.approved.unwrap().login.session_token;
    let listed: SessionList = api.get(paths::SESSIONS, Some(&session)).await;
    let names: Vec<_> = listed
        .sessions
        .iter()
        .map(|one| one.device_name.as_str())
        .collect();
    assert!(names.contains(&TestDevice::NAME), "{names:?}");
}

#[tokio::test]
async fn refusals_of_approvals_have_codes_of_their_own() {
    let api = Api::new().await;
    let alice = api.register(&Person::alice()).await.session_token;
    let claim = async |session: Option<&SecretToken>| {
        api.call(Method::POST, paths::APPROVAL_CLAIM, session, Some(&PHONE.claim()))
            .await
    };
    assert_eq!(problem(claim(None).await).await.code, "device_code_invalid");
    let unknown = api
        .call(
            Method::POST,
            paths::APPROVAL_LOOKUP,
            Some(&alice),
            Some(&PHONE.look_up()),
        )
        .await;
    assert_eq!(unknown.status(), StatusCode::GONE);
    assert_eq!(problem(unknown).await.code, "device_code_invalid");
    let stranger = api
        .call(Method::POST, paths::APPROVAL_LOOKUP, None, Some(&PHONE.look_up()))
        .await;
    assert_eq!(problem(stranger).await.code, "not_authenticated");
    let _: ApprovalStarted = api.post(paths::APPROVAL_START, None, &PHONE.start()).await;
    done(&api, paths::APPROVAL_WITHDRAW, None, &PHONE.claim()).await;
    let again = api
        .call(Method::POST, paths::APPROVAL_WITHDRAW, None, Some(&PHONE.claim()))
        .await;
    assert_eq!(problem(again).await.code, "device_code_invalid");
    assert_eq!(problem(claim(None).await).await.code, "device_code_invalid");
    let late = api
        .call(
            Method::POST,
            paths::APPROVAL_GRANT,
            Some(&alice),
            Some(&PHONE.grant()),
        )
        .await;
    assert_eq!(problem(late).await.code, "device_code_invalid");
}
