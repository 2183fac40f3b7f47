//! The crash proof in its short form; `scripts/prove crash` runs it at length.

use sealpost_tests::crash::{Options, prove};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_rounds_of_kills_and_faults_lose_double_and_skip_nothing() {
    let options = Options { rounds: 50, seed: 1 };
    match prove(options, |line| println!("{line}")).await {
        Ok(report) => assert!(report.sums.is_clean() && report.sums.acked > 4_000, "{report}"),
        Err(failed) => panic!("{failed}"),
    }
}
