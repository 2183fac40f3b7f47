//! The proof of transfers in its short form; `scripts/prove blobs` runs it at length.

use sealpost_tests::transfers::{Options, Server, prove};

#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_kills_and_faults_leave_ledger_and_bucket_equal() {
    // Each kind of fault once, at least.
    let options = Options {
        rounds: 6,
        seed: 6,
        server: Server::S3sFs,
    };
    match prove(options, |line| println!("{line}")).await {
        Ok(report) => assert!(
            report.files > 12 && report.found.blobs == report.found.objects,
            "{report}"
        ),
        Err(failed) => panic!("{failed}"),
    }
}
