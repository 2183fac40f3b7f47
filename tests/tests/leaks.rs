//! The leak proof, as `scripts/prove leaks` runs it, and that its planted leaks are in no program that is shipped.

#[path = "leaks/metadata.rs"]
mod metadata;

use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use sealpost_tests::leaks::{self, prove};

#[tokio::test(flavor = "multi_thread")]
async fn what_only_people_may_know_is_nowhere_and_every_planted_leak_is_seen() {
    let report = prove().await;
    println!("{report}");
    assert!(report.holds(), "{report}");
    assert!(report.canaries > 30 && report.searched.len() == 11);
}

#[test]
fn no_shipped_program_has_planted_leaks() {
    let mark = AhoCorasick::new(["SEALPOST_PLANTED_"]).unwrap();
    let has_mark = |program| mark.is_match(&std::fs::read(leaks::program(program)).unwrap());
    assert!(!has_mark("sealpost-relay") && !has_mark("sealpost"));
    assert!(has_mark(leaks::LEAKY), "then this is not how to find out");
}

/// A feature that a manifest names in another place than its own could get into a build.
#[test]
fn planted_leaks_and_missing_checks_are_turned_on_by_no_other_manifest() {
    let leaks = [
        ("relay", "planted-leaks = []"),
        ("relay", r#"required-features = ["planted-leaks"]"#),
    ];
    assert_eq!(naming("planted-leaks"), leaks.map(own));
    let checks = [
        ("client-sdk", "weakened = []"),
        ("tests/hostile", r#"weakened-sdk = ["sealpost-sdk/weakened"]"#),
    ];
    assert_eq!(naming("weakened"), checks.map(own));
}

fn own((folder, line): (&str, &str)) -> (PathBuf, String) {
    (PathBuf::from(folder), line.to_owned())
}

/// The lines that name a feature, comments left out, and the folders of their manifests.
fn naming(feature: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![PathBuf::new()];
    for folder in ["", "tests"] {
        let inside = std::fs::read_dir(root.join(folder)).expect("it is in the repository");
        let names = inside.map(|entry| entry.expect("it was just listed").file_name());
        folders.extend(names.map(|name| Path::new(folder).join(name)));
    }
    folders.sort();
    let lines = folders.into_iter().flat_map(|folder| {
        // Most folders have none.
        let manifest = std::fs::read_to_string(root.join(&folder).join("Cargo.toml")).unwrap_or_default();
        let named = manifest
            .lines()
            .filter(|line| !line.starts_with('#') && line.contains(feature));
        let named: Vec<_> = named.map(|line| (folder.clone(), line.to_owned())).collect();
        named
    });
    lines.collect()
}
