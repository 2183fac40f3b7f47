//! Memory of a process.

use std::fs;

use anyhow::{Context, Result};

/// The proportional set size of a process in bytes: its own pages and its share of those it has in common with others.
/// Socket buffers of the kernel are not in it.
pub fn proportional_set_size(id: u32) -> Result<u64> {
    let path = format!("/proc/{id}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    parse(&text).with_context(|| format!("{path} has another form"))
}

fn parse(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_whole_set_is_read() {
        let text = "00400000-7ffd rollup\nRss:  200 kB\nPss:           123 kB\nPss_Dirty:  5 kB\n";
        assert_eq!(parse(text), Some(123 * 1024));
        assert_eq!(parse("Pss_Dirty: 5 kB"), None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(proportional_set_size(std::process::id()).unwrap() > 100 * 1024);
    }
}
