//! Finds the test functions in the sources of the workspace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The names of all tests that run, in every `.rs` file below `root` that is not generated.
pub fn test_names_below(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in rust_files(root) {
        let source = std::fs::read_to_string(file).expect("sources are readable UTF-8");
        names.extend(test_names(&source).map(String::from));
    }
    names
}

/// The names of the functions marked as tests and not ignored.
pub fn test_names(source: &str) -> impl Iterator<Item = &str> {
    let mut attributes = Vec::new();
    source.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with("#[") {
            attributes.push(line);
            return None;
        }
        let name = function_name(line)?;
        let runs = is_test(&attributes);
        attributes.clear();
        runs.then_some(name)
    })
}

fn is_test(attributes: &[&str]) -> bool {
    let has = |start| attributes.iter().any(|attribute| attribute.starts_with(start));
    (has("#[test]") || has("#[tokio::test")) && !has("#[ignore")
}

fn function_name(line: &str) -> Option<&str> {
    let signature = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    signature.split(['(', '<']).next()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folders of the workspace are readable") {
        let path = entry.expect("folders of the workspace are readable").path();
        if path.is_dir() && !is_generated(&path) {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Build output, tools and data are no sources.
fn is_generated(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || ["target", "data", "node_modules"].contains(&&*name)
}
