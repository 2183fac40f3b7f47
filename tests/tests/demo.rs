//! The story that `./scripts/run --demo` plays, as real processes: it checks itself and ends with 0 only if all of it held.

use std::path::Path;
use std::process::{Command, Stdio};

fn play(kms: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let played = Command::new(root.join("scripts/demo"))
        .args(["--kms", kms])
        .stdin(Stdio::null())
        .output()
        .expect("the story is a program");
    let told = String::from_utf8_lossy(&played.stdout);
    let failed = String::from_utf8_lossy(&played.stderr);
    assert!(played.status.success(), "{told}\n{failed}");
    assert!(told.contains("acked=2000 lost=0 doubled=0 gaps=0"), "{told}");
}

#[test]
fn lost_devices_a_killed_relay_and_a_changed_row_lose_nothing_and_hide_nothing() {
    play("file");
}

#[test]
fn the_same_story_holds_with_a_real_openbao() {
    play("openbao");
}
