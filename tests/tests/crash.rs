//! The crash proof in its short form; `scripts/prove crash` runs it at length.

use sealpost_tests::{crash::prove, rounds::Rounds};

#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_kills_and_faults_lose_double_and_skip_nothing() {
    // What fits into three minutes on two cores.
    let rounds = Rounds { count: 40, seed: 11 };
    match prove(rounds, |line| println!("{line}")).await {
        Ok(report) => assert!(report.sums.is_clean() && report.sums.acked > 2_000, "{report}"),
        Err(failed) => panic!("{failed}"),
    }
}
