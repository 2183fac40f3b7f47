use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::testing::{AUDIENCE, TeamKey, TestTeam};

fn settings(team: &TestTeam) -> AccessSettings {
    AccessSettings {
        between_questions: Duration::ZERO,
        ..AccessSettings::new(team.url(), AUDIENCE.into(), None)
    }
}

fn gate(team: &TestTeam) -> AccessGate {
    AccessGate::new(&settings(team)).unwrap()
}

async fn admit(gate: &AccessGate, assertion: &str) -> Result<(), Refusal> {
    gate.admit(&HeaderMap::from_iter([(ASSERTION, assertion.parse().unwrap())]))
        .await
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

#[tokio::test]
async fn people_and_service_tokens_of_the_team_get_in() {
    let key = TeamKey::new("one");
    let team = TestTeam::with(&[&key]).await;
    let gate = gate(&team);
    let person = team.claims();
    let service = without(with(person.clone(), "aud", json!(AUDIENCE)), "nbf");
    for claims in [person, service] {
        assert_eq!(admit(&gate, &key.sign(&claims)).await, Ok(()));
    }
    assert_eq!(team.asked(), 1);
}

#[tokio::test]
async fn forged_expired_and_foreign_assertions_are_refused() {
    let (key, forger) = (TeamKey::new("one"), TeamKey::new("one"));
    let team = TestTeam::with(&[&key]).await;
    let gate = gate(&team);
    let (good, now) = (team.claims(), team.now());
    let expired = key.sign(&with(good.clone(), "exp", json!(now - 60)));
    let early = key.sign(&with(good.clone(), "nbf", json!(now + 120)));
    let cases = [
        ("forged", forger.sign(&good)),
        ("expired", expired),
        ("not valid yet", early),
        ("without an end", key.sign(&without(good.clone(), "exp"))),
        (
            "with an end that is no time",
            key.sign(&with(good.clone(), "exp", json!("never"))),
        ),
        (
            "another application's",
            key.sign(&with(good.clone(), "aud", json!(["another"]))),
        ),
        ("nobody's", key.sign(&without(good.clone(), "aud"))),
        (
            "another team's",
            key.sign(&with(good.clone(), "iss", json!("https://mallory.example"))),
        ),
        ("without a team", key.sign(&without(good.clone(), "iss"))),
        (
            "unsigned",
            key.sign_as(&json!({"alg": "none", "kid": "one"}), &good),
        ),
        (
            "RS512",
            key.sign_as(&json!({"alg": "RS512", "kid": "one"}), &good),
        ),
        ("of no key", key.sign_as(&json!({"alg": "RS256"}), &good)),
        (
            "with a key of its own",
            forger.sign_as(
                &json!({"alg": "RS256", "kid": "two", "jwk": forger.public()}),
                &good,
            ),
        ),
        (
            "by the public key as a shared secret",
            key.sign_by_public_key(&good),
        ),
        ("changed", changed(&key.sign(&good))),
        ("cut", key.sign(&good).rsplit_once('.').unwrap().0.to_owned()),
        ("empty", String::new()),
        ("no assertion at all", "let me in".into()),
    ];
    for (what, assertion) in cases {
        let refused = admit(&gate, &assertion).await;
        assert!(matches!(refused, Err(Refusal::Denied(_))), "{what}: {refused:?}");
    }
    assert_eq!(admit(&gate, &key.sign(&good)).await, Ok(()));
}

/// The same with one letter of its claims changed.
fn changed(assertion: &str) -> String {
    let (head, rest) = assertion.split_once('.').unwrap();
    let (letter, rest) = rest.split_at(1);
    let other = if letter == "e" { "f" } else { "e" };
    format!("{head}.{other}{rest}")
}

#[tokio::test]
async fn no_assertion_or_two_are_refused() {
    let key = TeamKey::new("one");
    let team = TestTeam::with(&[&key]).await;
    let gate = gate(&team);
    let mut headers = HeaderMap::new();
    assert!(gate.admit(&headers).await.is_err());
    let good: HeaderValue = key.sign(&team.claims()).parse().unwrap();
    headers.append(ASSERTION, good.clone());
    assert_eq!(gate.admit(&headers).await, Ok(()));
    headers.append(ASSERTION, good);
    assert!(gate.admit(&headers).await.is_err());
}

#[tokio::test]
async fn keys_are_kept_and_an_unknown_one_is_asked_for() {
    let (first, second) = (TeamKey::new("one"), TeamKey::new("two"));
    let team = TestTeam::with(&[&first]).await;
    let gate = gate(&team);
    for _ in 0..3 {
        assert_eq!(admit(&gate, &first.sign(&team.claims())).await, Ok(()));
    }
    assert_eq!(team.asked(), 1);
    team.has(&[&first, &second]);
    assert_eq!(admit(&gate, &second.sign(&team.claims())).await, Ok(()));
    assert_eq!(team.asked(), 2);
    team.has(&[&second]);
    assert_eq!(admit(&gate, &second.sign(&team.claims())).await, Ok(()));
    assert_eq!(team.asked(), 2, "nothing is unknown");
}

#[tokio::test]
async fn key_that_the_team_took_back_counts_no_longer_once_the_others_are_asked_for_again() {
    let (first, second) = (TeamKey::new("one"), TeamKey::new("two"));
    let team = TestTeam::with(&[&first, &second]).await;
    let settings = AccessSettings {
        fresh: Duration::ZERO,
        ..settings(&team)
    };
    let gate = AccessGate::new(&settings).unwrap();
    assert_eq!(admit(&gate, &first.sign(&team.claims())).await, Ok(()));
    team.has(&[&second]);
    let refused = admit(&gate, &first.sign(&team.claims())).await;
    assert!(matches!(refused, Err(Refusal::Denied(_))), "{refused:?}");
}

#[tokio::test]
async fn strangers_with_unknown_keys_make_the_relay_ask_only_now_and_then() {
    let (key, stranger) = (TeamKey::new("one"), TeamKey::new("two"));
    let team = TestTeam::with(&[&key]).await;
    let settings = AccessSettings::new(team.url(), AUDIENCE.into(), None);
    let gate = Arc::new(AccessGate::new(&settings).unwrap());
    let many = (0..50).map(|_| {
        let (gate, assertion) = (gate.clone(), stranger.sign(&team.claims()));
        tokio::spawn(async move { admit(&gate, &assertion).await })
    });
    for refused in futures_util::future::join_all(many).await {
        assert!(matches!(refused, Ok(Err(Refusal::Denied(_)))));
    }
    assert_eq!(team.asked(), 1);
}

#[tokio::test]
async fn team_that_does_not_answer_refuses_nobody_whose_key_is_known() {
    let key = TeamKey::new("one");
    let team = TestTeam::with(&[&key]).await;
    let settings = AccessSettings {
        fresh: Duration::ZERO,
        ..settings(&team)
    };
    let gate = AccessGate::new(&settings).unwrap();
    let good = key.sign(&team.claims());
    for answer in ["", "[]", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"RSA"}]}"#] {
        team.answers(answer);
        assert_eq!(
            admit(&AccessGate::new(&settings).unwrap(), &good).await,
            Err(Refusal::Unavailable),
            "{answer}"
        );
    }
    team.has(&[&key]);
    assert_eq!(admit(&gate, &good).await, Ok(()));
    team.answers(&"x".repeat(1_000_000));
    assert_eq!(admit(&gate, &good).await, Ok(()));
    assert!(team.asked() > 5, "it was asked every time");
}

#[tokio::test]
async fn keys_that_are_too_old_are_used_no_more() {
    let key = TeamKey::new("one");
    let team = TestTeam::with(&[&key]).await;
    let settings = AccessSettings {
        usable: Duration::ZERO,
        ..settings(&team)
    };
    let gate = AccessGate::new(&settings).unwrap();
    let refused = admit(&gate, &key.sign(&team.claims())).await;
    assert_eq!(refused, Err(Refusal::Unavailable));
}
