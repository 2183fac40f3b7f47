//! Looks for secrets where none may be: in dumps, logs, files and memory, in every dress that they could wear there.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// Something that must appear nowhere.
#[derive(Clone, Debug)]
pub struct Canary {
    name: &'static str,
    patterns: Vec<(&'static str, Vec<u8>)>,
}

/// A canary where it must not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// What was found.
    pub name: &'static str,
    /// How it was written.
    pub dress: &'static str,
}

/// Looks for many canaries in one pass.
pub struct Searcher {
    automaton: AhoCorasick,
    /// Of each pattern: the place of its dress among those of its canary, and what it means.
    meanings: Vec<(usize, Found)>,
    longest: usize,
}

impl Canary {
    /// `bytes` should be long and rare: of fewer than 8 nothing could be concluded.
    #[must_use]
    pub fn new(name: &'static str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 8, "{name} is too short for a canary");
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        let mut patterns = dresses(bytes, ["raw", "hex", "upper-case hex", "base64", "base64url"]);
        patterns.extend(dresses(
            &reversed,
            [
                "reversed",
                "hex, reversed",
                "upper-case hex, reversed",
                "base64, reversed",
                "base64url, reversed",
            ],
        ));
        // A hex text that is reversed letter by letter is none of these.
        let mut mirrored = hex::encode(bytes).into_bytes();
        mirrored.reverse();
        patterns.push(("reversed hex", mirrored));
        Self { name, patterns }
    }

    /// What it is.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl Searcher {
    /// For these canaries.
    ///
    /// # Panics
    /// When they are too many for any automaton.
    #[must_use]
    pub fn new(canaries: &[Canary]) -> Self {
        let (mut patterns, mut meanings) = (Vec::new(), Vec::new());
        for canary in canaries {
            for (place, (dress, pattern)) in canary.patterns.iter().enumerate() {
                let name = canary.name;
                meanings.push((place, Found { name, dress }));
                patterns.push(pattern);
            }
        }
        Self {
            longest: patterns
                .iter()
                .map(|pattern| pattern.len())
                .max()
                .unwrap_or_default(),
            automaton: AhoCorasick::new(&patterns).unwrap(),
            meanings,
        }
    }

    /// Every canary that appears, by name, and in which dresses, the plainest first.
    #[must_use]
    pub fn search(&self, haystack: &[u8]) -> Vec<Found> {
        let matches = self.automaton.find_overlapping_iter(haystack);
        let found: BTreeSet<_> = matches.map(|found| found.pattern().as_usize()).collect();
        let mut dressed: Vec<_> = found.into_iter().map(|pattern| &self.meanings[pattern]).collect();
        dressed.sort_by_key(|(place, found)| (found.name, *place));
        dressed.dedup_by_key(|(_, found)| found.clone());
        dressed.into_iter().map(|(_, found)| found.clone()).collect()
    }

    /// Who looks through pieces must let them overlap by this many bytes.
    #[must_use]
    pub fn overlap(&self) -> usize {
        self.longest.saturating_sub(1)
    }
}

/// Every canary that appears in `haystack`.
#[must_use]
pub fn search(haystack: &[u8], canaries: &[Canary]) -> Vec<Found> {
    Searcher::new(canaries).search(haystack)
}

/// The same bytes as they are, in hex, and in base64; and that base64 in hex, because a dump shows bytes as hex, whatever
/// stands in a byte column.
fn dresses(bytes: &[u8], names: [&'static str; 5]) -> Vec<(&'static str, Vec<u8>)> {
    let [raw, lower, upper, base64, base64url] = names;
    let mut patterns = vec![
        (raw, bytes.to_vec()),
        (lower, hex::encode(bytes).into_bytes()),
        (upper, hex::encode_upper(bytes).into_bytes()),
    ];
    for text in base64_dresses(bytes, |bytes| STANDARD_NO_PAD.encode(bytes)) {
        patterns.push((lower, hex::encode(&text).into_bytes()));
        patterns.push((base64, text));
    }
    for text in base64_dresses(bytes, |bytes| URL_SAFE_NO_PAD.encode(bytes)) {
        patterns.push((lower, hex::encode(&text).into_bytes()));
        patterns.push((base64url, text));
    }
    patterns
}

/// Inside a longer text, base64 depends on where in a group of three the bytes begin. The letters at both ends, which
/// also carry bits of the neighbours, are left out.
fn base64_dresses(bytes: &[u8], encode: impl Fn(&[u8]) -> String) -> Vec<Vec<u8>> {
    let dress = |before: usize| {
        let mut padded = vec![0; before];
        padded.extend_from_slice(bytes);
        let text = encode(&padded).into_bytes();
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        text[first..last].to_vec()
    };
    (0..3).map(dress).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"the meeting is at noon";

    fn found(haystack: impl AsRef<[u8]>) -> Vec<Found> {
        search(haystack.as_ref(), &[Canary::new("plaintext", SECRET)])
    }

    #[test]
    fn a_canary_is_found_in_every_dress_and_place() {
        for before in 0..4 {
            let mut inside = vec![b'x'; before];
            inside.extend_from_slice(SECRET);
            inside.extend_from_slice(b"yz");
            assert_eq!(found(&inside)[0].dress, "raw");
            assert_eq!(found(hex::encode(&inside))[0].dress, "hex");
            assert_eq!(found(hex::encode_upper(&inside))[0].dress, "upper-case hex");
            assert_eq!(found(STANDARD_NO_PAD.encode(&inside))[0].dress, "base64");
            assert_eq!(
                found(hex::encode(STANDARD_NO_PAD.encode(&inside)))[0].dress,
                "hex"
            );
            inside.reverse();
            assert_eq!(found(&inside)[0].dress, "reversed");
            assert_eq!(found(hex::encode(&inside))[0].dress, "hex, reversed");
            assert_eq!(
                found(STANDARD_NO_PAD.encode(&inside))[0].dress,
                "base64, reversed"
            );
        }
        let mirrored: String = hex::encode(SECRET).chars().rev().collect();
        assert_eq!(found(mirrored)[0].dress, "reversed hex");
    }

    #[test]
    fn base64url_differs_where_its_letters_do() {
        let bytes = [0xfb, 0xff, 0xbe, 0xfb, 0xff, 0xbe, 0xfb, 0xfe];
        let canary = [Canary::new("key", &bytes)];
        assert_eq!(
            search(URL_SAFE_NO_PAD.encode(bytes).as_bytes(), &canary)[0].dress,
            "base64url"
        );
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert_eq!(found("the meeting is at one"), []);
        assert_eq!(found(hex::encode("the meeting is at nooo")), []);
    }
}
