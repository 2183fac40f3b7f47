//! Both clients against every case.

use sealpost_hostile_relay::cases;
use sealpost_hostile_relay::report::{Outcome, Verdict};
use sealpost_hostile_relay::scene::Scene;
use sealpost_hostile_relay::victim::Victim;

/// Each costs a signature and its check.
const MALFORMED: usize = 600;

async fn outcomes(victim: Victim) -> Vec<Outcome> {
    let scene = Scene::set(victim, MALFORMED).await;
    let mut outcomes = Vec::new();
    for case in cases::all() {
        outcomes.push(case.run(&scene).await);
    }
    scene.end().await;
    outcomes
}

fn expect_resisted(outcomes: &[Outcome]) {
    let good = |case: &&Outcome| matches!(case.verdict, Verdict::Resisted | Verdict::Explained);
    let bad: Vec<String> = outcomes
        .iter()
        .filter(|case| !good(case))
        .map(ToString::to_string)
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sdk_resists_every_case() {
    expect_resisted(&outcomes(Victim::Sdk).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn independent_client_resists_every_case() {
    expect_resisted(&outcomes(Victim::Interop).await);
}

#[test]
fn every_case_of_the_catalogue_is_there_once_and_in_the_readme() {
    let ids: Vec<String> = cases::all().iter().map(|case| case.id.to_owned()).collect();
    let catalogue: Vec<String> = (1..=60).map(|number| format!("R{number}")).collect();
    assert_eq!(ids, catalogue);
    let readme = include_str!("../README.md");
    for case in cases::all() {
        let row = format!("| {} | {} |", case.id, case.name);
        assert!(readme.contains(&row), "the README lacks: {row}");
    }
}
