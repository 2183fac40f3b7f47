//! The abuse proof in its short form; `scripts/prove abuse` runs it at length and measures.

use std::time::Duration;

use sealpost_tests::abuse::{Options, prove};

#[tokio::test(flavor = "multi_thread")]
async fn every_abuse_is_answered_as_documented_while_honest_traffic_goes_on() {
    let options = Options {
        attack: None,
        time: Duration::from_secs(1),
        short: true,
    };
    let report = prove(&options, |row| println!("{row}")).await;
    for row in report.rows {
        assert_eq!(row.misbehaviour(), Vec::<String>::new(), "{row}");
    }
}
