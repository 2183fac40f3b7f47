//! Reads the table of `tests/INVARIANTS.md`.

use std::collections::BTreeSet;

/// The number of the last promise.
pub const LAST: u32 = 15;

/// Everything wrong with the page, given the names of all tests that run.
pub fn faults(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    (1..=LAST)
        .flat_map(|number| faults_of(number, page, tests))
        .collect()
}

fn faults_of(number: u32, page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let rows: Vec<&str> = page.lines().filter_map(|line| proof_of(number, line)).collect();
    let [proof] = rows[..] else {
        return vec![format!("I-{number}: stands {} times instead of once", rows.len())];
    };
    if named_tests(proof).next().is_none() && !is_pending(proof) {
        return vec![format!(
            "I-{number}: names neither a test nor the area it is pending for"
        )];
    }
    let unknown = named_tests(proof).filter(|name| !tests.contains(*name));
    unknown
        .map(|name| format!("I-{number}: there is no test `{name}`"))
        .collect()
}

/// The last cell of the line, if it is the row of this promise.
fn proof_of(number: u32, line: &str) -> Option<&str> {
    let row = line.strip_prefix(&format!("| I-{number} |"))?.trim_end();
    row.strip_suffix('|')?.rsplit('|').next()
}

fn is_pending(proof: &str) -> bool {
    proof
        .split_once("pending:")
        .is_some_and(|(_, area)| !area.trim().is_empty())
}

/// What stands between backticks.
fn named_tests(proof: &str) -> impl Iterator<Item = &str> {
    proof.split('`').skip(1).step_by(2)
}
