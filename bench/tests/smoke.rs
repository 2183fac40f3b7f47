//! The benchmarks as small as they go, so that they cannot rot. The numbers mean nothing, and none is looked at.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails fails the test that called it"
)]

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use serde_json::Value;

/// A row, its contestants, and whether brokers are among them if they take part.
type Row = (&'static str, &'static [&'static str], bool);

/// Name and program of each broker.
const BROKERS: [(&str, &str); 2] = [("redis", "redis-server"), ("nats", "nats-server")];

#[test]
fn smallest_rows_name_their_contestants_and_the_brokers_that_are_installed() {
    let rows: [Row; 4] = [
        ("packed-16", &["relay", "prototype", "inserts"], true),
        ("fanout-saturated", &["relay", "broadcast"], true),
        ("replay", &["relay", "select"], false),
        ("idle", &["relay", "echo"], false),
    ];
    let (installed, missing): (Vec<_>, Vec<_>) = BROKERS
        .into_iter()
        .partition(|(_, program)| is_installed(program));
    let skipped = missing
        .into_iter()
        .map(|(name, program)| (name, format!("{program} is not installed")));
    let skipped: Vec<_> = skipped.collect();
    let report = run("auto", &rows);
    for (row, contestants, with_brokers) in rows {
        let (brokers, skipped) = if with_brokers {
            (&installed[..], &skipped[..])
        } else {
            (&[][..], &[][..])
        };
        let brokers = brokers.iter().map(|(name, _)| *name);
        check(&report, row, contestants.iter().copied().chain(brokers), skipped);
    }
}

#[test]
fn rows_go_on_without_brokers_and_name_them() {
    let rows: [Row; 4] = [
        ("append-1", &["relay", "prototype", "inserts"], true),
        ("fanout-paced", &["relay", "broadcast", "commits"], true),
        (
            "crowd",
            &["alone-ack", "crowd-ack", "alone-read", "crowd-read"],
            false,
        ),
        ("cold-start", &["relay"], false),
    ];
    let report = run("none", &rows);
    let skipped = BROKERS.map(|(name, _)| (name, "--brokers none".to_owned()));
    for (row, contestants, with_brokers) in rows {
        let skipped = if with_brokers { &skipped[..] } else { &[] };
        check(&report, row, contestants.iter().copied(), skipped);
    }
}

#[test]
fn throughput_and_latency_are_drawn_over_writers() {
    let folder = tempfile::tempdir().unwrap();
    let plots = folder.path().join("new");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_sealpost-bench"));
    bench.args(["--smoke", "--brokers", "none", "--row", "writers", "--plots"]);
    let output = bench.arg(&plots).output().unwrap();
    let (text, progress) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{progress}");
    assert!(text.contains("1 writer ") && text.contains("2 writers"), "{text}");
    let svg = fs::read_to_string(plots.join("writers.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("p99"), "{svg}");
}

#[test]
fn flamegraphs_without_perf_are_refused_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_sealpost-bench"));
    bench
        .args(["--smoke", "--row", "idle", "--flamegraphs"])
        .arg(folder.path());
    let output = bench.env("PATH", folder.path()).output().unwrap();
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && progress.contains("linux-perf"),
        "{progress}"
    );
}

fn run(brokers: &str, rows: &[Row]) -> Value {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_sealpost-bench"));
    bench.args(["--smoke", "--json", "--brokers", brokers]);
    for (row, ..) in rows {
        bench.args(["--row", row]);
    }
    let output = bench.output().unwrap();
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{progress}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn check(
    report: &Value,
    name: &str,
    contestants: impl Iterator<Item = &'static str>,
    skipped: &[(&str, String)],
) {
    let rows = report["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name).unwrap();
    let found = row["contestants"].as_array().unwrap();
    let names: BTreeSet<_> = found.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, contestants.collect(), "{row}");
    assert_eq!(names.len(), found.len(), "{row}");
    for contestant in found {
        assert!(contestant["value"]["median"].is_f64(), "{row}");
    }
    let found = row["skipped"].as_array().unwrap().iter();
    let found: Vec<_> = found
        .map(|one| {
            (
                one["name"].as_str().unwrap(),
                one["reason"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(found, skipped, "{row}");
    let ratios = row["ratios"].as_array().unwrap().iter();
    let ratios: Vec<_> = ratios.map(|ratio| ratio["of"].as_str().unwrap()).collect();
    assert!(!ratios.is_empty(), "{row}");
    for (broker, _) in BROKERS {
        let is_measured = ratios
            .iter()
            .any(|of| of.starts_with(&format!("relay / {broker}, ")));
        assert_eq!(is_measured, names.contains(broker), "{row}");
    }
}

/// On `PATH`, or where Debian puts servers.
fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .any(|folder| Path::new(&folder).join(program).is_file())
}
