//! Both clients against every case.

use sealpost_hostile_relay::cases;
use sealpost_hostile_relay::report::{Report, Verdict};
use sealpost_hostile_relay::victim::Victim;

/// Each costs a signature and its check.
const MALFORMED: usize = 600;

async fn report(victim: Victim) -> Report {
    cases::hold(victim, MALFORMED, &cases::all(), |_| ()).await
}

fn expect_good(report: &Report) {
    let good = |verdict| matches!(verdict, Verdict::Resisted | Verdict::Explained);
    let bad = report.cases.iter().filter(|case| !good(case.verdict));
    let bad: Vec<String> = bad.map(ToString::to_string).collect();
    assert!(report.is_good(), "{:?}\n{}", report.weakened, bad.join("\n"));
}

#[cfg(not(feature = "weakened-sdk"))]
#[tokio::test(flavor = "multi_thread")]
async fn sdk_resists_every_case() {
    expect_good(&report(Victim::Sdk).await);
}

#[cfg(feature = "weakened-sdk")]
#[tokio::test(flavor = "multi_thread")]
async fn sdk_without_its_checks_fails_the_cases_that_they_are_for() {
    expect_good(&report(Victim::Sdk).await);
}

#[cfg(not(feature = "weakened-sdk"))]
#[tokio::test(flavor = "multi_thread")]
async fn independent_client_resists_every_case() {
    expect_good(&report(Victim::Interop).await);
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
    let noticed = cases::NOTICED.join(", ");
    assert!(readme.contains(&noticed), "the README lacks: {noticed}");
}
