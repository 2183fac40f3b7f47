//! JSON bodies of the HTTP interface, in both directions.

use sealpost_protocol::http as bodies;
use serde::de::DeserializeOwned;

use crate::{Target, seeds};

pub const JSON_BODIES: Target = Target {
    name: "json_bodies",
    what: "JSON bodies of requests and answers",
    run: |bytes| {
        parse::<bodies::RegistrationStart>(bytes);
        parse::<bodies::RegistrationStarted>(bytes);
        parse::<bodies::RegistrationFinish>(bytes);
        parse::<bodies::LoggedIn>(bytes);
        parse::<bodies::LoginStart>(bytes);
        parse::<bodies::LoginStarted>(bytes);
        parse::<bodies::LoginFinish>(bytes);
        parse::<bodies::RecoveryLoginStart>(bytes);
        parse::<bodies::RecoveryLoginStarted>(bytes);
        parse::<bodies::RecoveryLoginFinish>(bytes);
        parse::<bodies::AccountView>(bytes);
        parse::<bodies::PrincipalLookup>(bytes);
        parse::<bodies::PrincipalCandidate>(bytes);
        parse::<bodies::KeystoreView>(bytes);
        parse::<bodies::KeystorePut>(bytes);
        parse::<bodies::KeystoreHistory>(bytes);
        parse::<bodies::PassphraseStart>(bytes);
        parse::<bodies::PassphraseStarted>(bytes);
        parse::<bodies::KeystoreStage>(bytes);
        parse::<bodies::StagedView>(bytes);
        parse::<bodies::StagedVerify>(bytes);
        parse::<bodies::StagedVerified>(bytes);
        parse::<bodies::StagedCommit>(bytes);
        parse::<bodies::SessionList>(bytes);
    },
    seeds: || {
        seeds::of_texts(&[
            r#"{"handle":"alice","registration_token":"QUFB","request":"QUFB"}"#,
            r#"{"handle":"alice","request":"QUFB"}"#,
            r#"{"login_id":"QUFB","finalization":"QUFB","device_name":"laptop","writer_id":"41414141414141414141414141414141"}"#,
            r#"{"generation":2,"keystore":"QUFB","previous_digest":"4141414141414141414141414141414141414141414141414141414141414141"}"#,
            r#"{"sessions":[{"id":"41414141414141414141414141414141","created_at":"2026-01-01T00:00:00Z"}]}"#,
        ])
    },
};

fn parse<T: DeserializeOwned>(bytes: &[u8]) {
    drop(serde_json::from_slice::<T>(bytes));
}
