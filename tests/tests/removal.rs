//! The removal proof in its short form; `scripts/prove removal` runs it with 100 members and a crowd of 1,000, and judges
//! the time, too.

use sealpost_tests::removal::{Options, prove};

#[tokio::test(flavor = "multi_thread")]
async fn removed_member_is_cut_off_at_two_relays_and_those_who_stay_go_on() {
    let options = Options {
        members: 12,
        sockets: 4,
        crowd: 40,
    };
    let report = prove(options, |line| println!("{line}")).await;
    assert!(report.holds(), "{report}");
}
