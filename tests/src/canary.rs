//! Looks for secrets where none may be: in dumps, logs and metrics, in every dress that they could wear there.

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What was found.
    pub name: &'static str,
    /// How it was written.
    pub dress: &'static str,
}

impl Canary {
    /// `bytes` should be long and rare: of fewer than 8 nothing could be concluded.
    #[must_use]
    pub fn new(name: &'static str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 8, "{name} is too short for a canary");
        let mut patterns = vec![("raw", bytes.to_vec())];
        for text in base64_dresses(bytes, |bytes| STANDARD_NO_PAD.encode(bytes)) {
            patterns.push(("base64", text));
        }
        for text in base64_dresses(bytes, |bytes| URL_SAFE_NO_PAD.encode(bytes)) {
            patterns.push(("base64url", text));
        }
        // A dump shows bytes as hex, so whatever stands in a byte column is to be looked for in hex.
        let in_hex: Vec<_> = patterns
            .iter()
            .map(|(_, text)| ("hex", hex::encode(text).into_bytes()))
            .collect();
        patterns.push(("upper-case hex", hex::encode_upper(bytes).into_bytes()));
        patterns.extend(in_hex);
        Self { name, patterns }
    }

    fn find(&self, haystack: &[u8]) -> Option<Found> {
        let worn = self
            .patterns
            .iter()
            .find(|(_, pattern)| contains(haystack, pattern));
        worn.map(|(dress, _)| Found {
            name: self.name,
            dress,
        })
    }
}

/// Every canary that appears in `haystack`.
#[must_use]
pub fn search(haystack: &[u8], canaries: &[Canary]) -> Vec<Found> {
    canaries
        .iter()
        .filter_map(|canary| canary.find(haystack))
        .collect()
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

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
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
        }
    }

    #[test]
    fn base64url_differs_where_its_letters_do() {
        let bytes = [0xfb, 0xff, 0xbe, 0xfb, 0xff, 0xbe, 0xfb, 0xff];
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
