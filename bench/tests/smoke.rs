//! The benchmarks as small as they go, so that they cannot rot. The numbers mean nothing, and none is looked at.

use std::process::Command;

use serde_json::Value;

/// Contestants of each row, by name.
const ROWS: [(&str, &[&str]); 6] = [
    ("append-1", &["relay", "prototype", "inserts"]),
    ("fanout-paced", &["relay", "broadcast", "commits"]),
    ("replay", &["relay", "select"]),
    ("idle", &["relay", "echo"]),
    ("crowd", &["alone-ack", "crowd-ack", "alone-read", "crowd-read"]),
    ("cold-start", &["relay"]),
];

#[test]
fn smallest_rows_run_from_end_to_end_and_name_their_contestants() {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_sealpost-bench"));
    bench.args(["--smoke", "--json"]);
    for (row, _) in ROWS {
        bench.args(["--row", row]);
    }
    let output = bench.output().unwrap();
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{progress}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, contestants) in ROWS {
        let rows = report["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        let found: Vec<_> = row["contestants"].as_array().unwrap().iter().collect();
        assert_eq!(found.len(), contestants.len(), "{row}");
        for (contestant, expected) in found.into_iter().zip(contestants) {
            assert_eq!(contestant["name"], *expected, "{row}");
            assert!(contestant["value"]["median"].is_f64(), "{row}");
        }
        assert!(!row["ratios"].as_array().unwrap().is_empty(), "{row}");
    }
}
