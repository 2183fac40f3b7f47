//! What people compare before they trust a principal: digits or words, each some 132 bits of one hash.

use std::fmt;
use std::sync::LazyLock;

use crate::hash::{Digest32, Label, tagged_hash};
use crate::ids::PrincipalId;

const GROUPS: usize = 8;
const WORDS: usize = 12;
/// 2,048 words say 11 bits each.
const BITS: usize = 11;

static LIST: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("../words/english.txt").lines().collect());

/// Eight groups of five digits, or twelve words (132 bits), that two people compare before they trust a principal id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint {
    groups: [u32; GROUPS],
    words: [u16; WORDS],
}

impl Fingerprint {
    /// The fingerprint of a principal.
    #[must_use]
    pub fn of(id: &PrincipalId) -> Self {
        let digest = tagged_hash(Label::FINGERPRINT, &[id.as_bytes()]);
        let mut groups = [0; GROUPS];
        for (group, chunk) in groups.iter_mut().zip(digest.as_chunks::<4>().0) {
            *group = u32::from_be_bytes(*chunk) % 100_000;
        }
        let words = std::array::from_fn(|index| eleven_bits(&digest, index * BITS));
        Self { groups, words }
    }

    /// The same in words: twelve of the English list of BIP-39, with spaces between them.
    #[must_use]
    pub fn words(&self) -> String {
        self.words.map(|word| LIST[usize::from(word)]).join(" ")
    }

    /// Whether `text` shows this fingerprint, in digits or in words; spaces, dashes and the case of letters do not count.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        if text.contains(|letter: char| letter.is_alphabetic()) {
            return parts(text).map(str::to_lowercase).eq(parts(&self.words()));
        }
        let digits = |text: &str| parts(text).collect::<String>();
        digits(text) == digits(&self.to_string())
    }

    /// Whether `text` could be somebody's fingerprint: 40 digits, or twelve words of the list. Tells a typing error from
    /// another fingerprint.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        let is_word = |word: &str| {
            let word = word.to_lowercase();
            LIST.binary_search_by(|known| (*known).cmp(&word)).is_ok()
        };
        let digits: String = parts(text).collect();
        let is_digits = digits.len() == GROUPS * 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_digits || (parts(text).count() == WORDS && parts(text).all(is_word))
    }
}

/// `text` between spaces and dashes.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|letter: char| letter == '-' || letter.is_whitespace());
    parts.filter(|part| !part.is_empty())
}

/// The bits of `digest` from bit `from` on, the first being the highest of the first byte.
fn eleven_bits(digest: &Digest32, from: usize) -> u16 {
    let bytes = &digest[from / 8..][..3];
    let window = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
    u16::try_from(window >> (24 - BITS - from % 8) & 0x7ff).expect("eleven bits are masked")
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.groups.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{group:05}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint() -> Fingerprint {
        Fingerprint::of(&PrincipalId::new([7; 32]))
    }

    #[test]
    fn fingerprint_matches_its_own_digits_and_no_others() {
        let text = fingerprint().to_string();
        assert_eq!(text.len(), 47);
        assert!(fingerprint().matches(&text.replace(' ', "-")));
        assert!(!fingerprint().matches(&text[1..]));
        assert!(!fingerprint().matches(""));
    }

    #[test]
    fn fingerprint_matches_its_own_words_and_no_others() {
        let words = fingerprint().words();
        assert_eq!(words.split(' ').count(), WORDS);
        assert!(fingerprint().matches(&words.to_uppercase().replace(' ', "  ")));
        assert!(!fingerprint().matches(words.split_once(' ').unwrap().1));
        assert!(!fingerprint().matches(&Fingerprint::of(&PrincipalId::new([8; 32])).words()));
    }

    #[test]
    fn words_are_the_bits_of_the_hash_in_order() {
        let mut digest = [0; 32];
        digest[..3].copy_from_slice(&[0b0000_0000, 0b0011_0000, 0b0000_0110]);
        assert_eq!(
            [0, 11].map(|from| eleven_bits(&digest, from)),
            [1, 0b100_0000_0001]
        );
        assert_eq!(eleven_bits(&[0xff; 32], 121), 0x7ff);
    }

    #[test]
    fn list_has_2048_words_in_order_each_told_by_four_letters() {
        assert_eq!(LIST.len(), 2048);
        let first_letters: Vec<_> = LIST.iter().map(|word| &word[..word.len().min(4)]).collect();
        assert!(first_letters.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn typing_error_is_told_from_another_fingerprint() {
        let other = Fingerprint::of(&PrincipalId::new([8; 32]));
        assert!(Fingerprint::is_one(&other.to_string()) && Fingerprint::is_one(&other.words()));
        for wrong in [
            "",
            "12345",
            &other.words().replace(' ', ""),
            &other.to_string().replace('1', "l"),
        ] {
            assert!(!Fingerprint::is_one(wrong), "{wrong}");
        }
    }
}
