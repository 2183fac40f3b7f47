//! Where servers keep their files.

use std::{env, path::PathBuf};

/// The folder of a server that all tests of this program share. It stays from run to run, so that a cluster is made once.
pub(crate) fn shared(server: &str) -> PathBuf {
    let program = env::current_exe().unwrap();
    let name = program.file_stem().unwrap().to_str().unwrap();
    // Cargo appends a hash of what was compiled, which changes with every edit.
    let name = name.rsplit_once('-').map_or(name, |(name, _hash)| name);
    target().join("test-data").join(name).join(server)
}

/// The folder that cargo builds into, with its profile: where the binaries are. Tests lie in its folder `deps`.
pub(crate) fn binaries() -> PathBuf {
    let program = env::current_exe().unwrap();
    let folder = program.parent().expect("a program lies in a folder");
    let tests = folder.file_name().is_some_and(|name| name == "deps");
    let binaries = if tests { folder.parent() } else { Some(folder) };
    binaries
        .expect("tests are built into <target>/<profile>/deps")
        .to_owned()
}

fn target() -> PathBuf {
    binaries()
        .parent()
        .expect("a profile's folder lies in the target's")
        .to_owned()
}
