//! The proofs in short, so that they cannot rot. The numbers mean nothing, and none is looked at.

use std::{fs, process::Command};

use serde_json::Value;

fn prove(proof: &[&str]) -> Value {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_sealpost-bench"));
    let output = bench.args(proof).args(["--short", "--json"]).output();
    let output = output.expect("the program was built for this test");
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{progress}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON and nothing else");
    assert_eq!(report["is_judged"], false, "{report}");
    report
}

#[test]
fn growth_is_measured_at_every_step_in_turns_with_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let report = prove(&["growth", "--plots", folder.path().to_str().unwrap()]);
    for grown in ["events", "spaces"] {
        let svg = fs::read_to_string(folder.path().join(format!("growth-{grown}.svg"))).unwrap();
        assert!(svg.contains("p99 of the acks"), "{svg}");
    }
    let steps = report["steps"].as_array().unwrap();
    let of = |name: &str| steps.iter().map(|step| step[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("grown"), ["events", "events", "spaces", "spaces"]);
    let events: Vec<_> = of("events").iter().map(|count| count.as_u64().unwrap()).collect();
    assert!(events[0] >= 100 && events[1] >= 300, "{report}");
    assert_eq!(of("spaces")[3], 20, "{report}");
    assert!(of("ratio").iter().all(Value::is_f64), "{report}");
    assert!(report["left_out"].as_array().unwrap().is_empty(), "{report}");
}

#[test]
fn soak_does_everything_and_looks_at_every_table() {
    let report = prove(&["soak"]);
    for (what, count) in report["done"].as_object().unwrap() {
        assert!(count.as_u64().unwrap() > 0, "no {what}: {report}");
    }
    let samples = report["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 4, "{report}");
    for table in ["events", "sessions", "spaces", "auth_attempts"] {
        assert!(samples[3]["rows"][table].is_i64(), "no {table}: {report}");
    }
    assert!(!report["findings"].as_array().unwrap().is_empty(), "{report}");
}

#[test]
fn soak_that_is_too_short_to_be_judged_is_refused() {
    for minutes in ["0", "3", "some"] {
        let mut bench = Command::new(env!("CARGO_BIN_EXE_sealpost-bench"));
        let output = bench.args(["soak", "--minutes", minutes]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}
