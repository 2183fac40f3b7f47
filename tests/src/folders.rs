//! Where servers keep their files.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The folder of a server that all tests of this program share. It stays from run to run, so that a cluster is made once.
pub(crate) fn shared(server: &str) -> PathBuf {
    let program = env::current_exe().unwrap();
    let name = program.file_stem().unwrap().to_str().unwrap();
    // Cargo appends a hash of what was compiled to a test's name, which changes with every edit.
    let name = match name.rsplit_once('-') {
        Some((name, _hash)) if is_test(&program) => name,
        _ => name,
    };
    target().join("test-data").join(name).join(server)
}

/// The folder that cargo builds into, with its profile: where the binaries are. Tests lie in its folder `deps`.
pub(crate) fn binaries() -> PathBuf {
    let program = env::current_exe().unwrap();
    let levels = if is_test(&program) { 2 } else { 1 };
    program
        .ancestors()
        .nth(levels)
        .expect("programs are built into <target>/<profile>, tests into its folder deps")
        .to_owned()
}

fn is_test(program: &Path) -> bool {
    program
        .parent()
        .is_some_and(|folder| folder.file_name().is_some_and(|name| name == "deps"))
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    binaries()
        .parent()
        .expect("a profile's folder lies in the target's")
        .to_owned()
}
