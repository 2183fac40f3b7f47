//! The proof of a large database, in short: `scripts/prove backup`.

use sealpost_tests::bulk;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_backed_up_restored_and_read_in_little_memory() {
    let report = bulk::prove(4 << 20, |line| println!("{line}")).await;
    assert!(report.holds(), "{report}");
    assert!(
        report.backup > report.written,
        "what is encrypted does not shrink"
    );
}
