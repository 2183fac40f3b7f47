//! The proof of transfers in its short form; `scripts/prove blobs` runs it at length.

use sealpost_tests::{
    rounds::Rounds,
    transfers::{Server, prove},
};

#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_kills_and_faults_leave_ledger_and_bucket_equal() {
    // Each kind of fault once, at least.
    let rounds = Rounds { count: 6, seed: 6 };
    match prove(rounds, &Server::S3sFs, |line| println!("{line}")).await {
        Ok(report) => assert!(
            report.files > 12 && report.faults().all(|(_, count)| count > 0),
            "{report}"
        ),
        Err(failed) => panic!("{failed}"),
    }
}
