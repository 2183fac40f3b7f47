//! Reads the tables of `SECURITY.md` that say what somebody cannot do.

use std::collections::BTreeSet;

/// The number of the last case of the hostile relay.
const LAST_CASE: u32 = 60;

/// How many rows say that somebody cannot do something, and everything wrong with them, given the names of all tests that run.
pub fn check(page: &str, tests: &BTreeSet<String>) -> (usize, Vec<String>) {
    let (mut rows, mut faults) = (0, Vec::new());
    let mut header: Option<Vec<&str>> = None;
    for line in page.lines() {
        let Some(cells) = cells_of(line) else {
            header = None;
            continue;
        };
        let Some(columns) = &header else {
            header = Some(cells);
            continue;
        };
        let is_rule = cells.iter().all(|cell| cell.bytes().all(|byte| byte == b'-'));
        if !columns.contains(&"cannot") || is_rule {
            continue;
        }
        rows += 1;
        let proof = if columns.last() == Some(&"shown by") {
            cells.last()
        } else {
            None
        };
        if let Err(wrong) = judge(proof.copied().unwrap_or_default(), tests) {
            faults.push(format!("{wrong}: {line}"));
        }
    }
    (rows, faults)
}

fn cells_of(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// Names of tests in backticks, cases, and ranges of them, with commas between.
fn judge(proof: &str, tests: &BTreeSet<String>) -> Result<(), String> {
    for part in proof.split(',').map(str::trim) {
        let is_known = match part.strip_prefix('`').and_then(|part| part.strip_suffix('`')) {
            Some(name) => tests.contains(name),
            None => part.split(" to ").all(is_case),
        };
        if !is_known {
            return Err(format!("{part:?} is neither a test nor a case"));
        }
    }
    Ok(())
}

fn is_case(text: &str) -> bool {
    let number = text.strip_prefix('R').and_then(|digits| digits.parse().ok());
    number.is_some_and(|number: u32| (1..=LAST_CASE).contains(&number))
}
