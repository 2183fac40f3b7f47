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
fn planted_leaks_are_turned_on_by_no_manifest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifests = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("Cargo.toml"))
        .chain([root.join("Cargo.toml")])
        .filter(|manifest| manifest.exists());
    let naming: Vec<(PathBuf, String)> = manifests.flat_map(naming_lines).collect();
    let lines: Vec<&str> = naming.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(
        lines,
        ["planted-leaks = []", r#"required-features = ["planted-leaks"]"#]
    );
    assert!(
        naming
            .iter()
            .all(|(manifest, _)| manifest.ends_with("relay/Cargo.toml"))
    );
}

fn naming_lines(manifest: PathBuf) -> Vec<(PathBuf, String)> {
    let text = std::fs::read_to_string(&manifest).expect("it was just seen");
    text.lines()
        .filter(|line| line.contains("planted-leaks"))
        .map(|line| (manifest.clone(), line.to_owned()))
        .collect()
}
