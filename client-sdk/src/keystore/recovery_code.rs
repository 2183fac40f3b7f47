//! Recovery codes: 160 random bits on paper.
//!
//! Crockford's base32 (no I, L, O or U; read case-insensitively, with I and L for 1 and O for 0), 32 symbols of entropy
//! and 4 of checksum, in nine groups of four. The checksum finds typos without asking the relay; one mistyped code in a
//! million passes it.

use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use rand::CryptoRng;
use sealpost_protocol::hash::{Label, framed, tagged_hash};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::crockford;

const ENTROPY: usize = 20;
const SYMBOLS: usize = ENTROPY * 8 / 5;
const CHECK_SYMBOLS: usize = 4;

/// Opens the account when everything else is lost. Shown once, kept on paper.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RecoveryCode([u8; ENTROPY]);

/// Text that is not a recovery code. It never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARecoveryCode {
    /// Too short or too long.
    #[error("a recovery code has 36 letters and digits, this has {0}")]
    Length(usize),
    /// Holds something that no recovery code holds.
    #[error("character {0} is in no recovery code")]
    Symbol(usize),
    /// The checksum does not match.
    #[error("the recovery code has a typing error")]
    Checksum,
}

impl RecoveryCode {
    /// Draws a new code.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(crate::entropy::draw(rng))
    }

    /// Reads a code as a person types it: dashes, spaces and letter case do not matter.
    ///
    /// # Errors
    /// Says what looks mistyped.
    pub fn parse(text: &str) -> Result<Self, NotARecoveryCode> {
        let symbols = crockford::read(text)?;
        if symbols.len() != SYMBOLS + CHECK_SYMBOLS {
            return Err(NotARecoveryCode::Length(symbols.len()));
        }
        let (entropy, check) = symbols.split_at(SYMBOLS);
        let code = Self(crockford::pack(entropy));
        if code.checksum() == check {
            Ok(code)
        } else {
            Err(NotARecoveryCode::Checksum)
        }
    }

    /// The code's text, for the person who is to write it down.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        let mut symbols = crockford::unpack(&self.0);
        symbols.extend(self.checksum());
        crockford::write(&symbols)
    }

    /// A second copy, for a second owner of it in memory.
    pub(crate) fn share(&self) -> Self {
        Self(self.0)
    }

    /// Proves the code to the relay without showing it.
    pub(crate) fn login_key(&self) -> SigningKey {
        let mut seed = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(&framed(Label::RECOVERY_LOGIN_KEY, &[]), &mut seed[..])
            .expect("32 bytes are below HKDF's limit of 8,160");
        SigningKey::from_bytes(&seed)
    }

    /// Hands out the 20 bytes, to be fed to a key derivation at once.
    pub(crate) fn expose_entropy(&self) -> &[u8; ENTROPY] {
        &self.0
    }

    /// The first 20 bits of a hash of the code.
    fn checksum(&self) -> [u8; CHECK_SYMBOLS] {
        let hash = tagged_hash(Label::RECOVERY_CODE, &[&self.0]);
        let bits = u32::from_be_bytes([0, hash[0], hash[1], hash[2]]) >> 4;
        [15, 10, 5, 0].map(|shift| symbol(bits >> shift))
    }
}

fn symbol(bits: u32) -> u8 {
    (bits & 31) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GROUP: usize = 4;
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    fn code() -> RecoveryCode {
        RecoveryCode(std::array::from_fn(|index| u8::try_from(index).unwrap() + 1))
    }

    #[test]
    fn text_has_nine_groups_of_four() {
        let text = code().expose_text();
        assert_eq!(text.len(), 36 + 8);
        assert!(text.split('-').all(|group| group.len() == GROUP));
        assert_eq!(RecoveryCode::parse(&text).unwrap().0, code().0);
    }

    #[test]
    fn letters_that_look_like_digits_are_read_as_those() {
        let text = code().expose_text();
        let typed = text
            .to_ascii_lowercase()
            .replace('0', "o")
            .replacen('1', "l", 1)
            .replace('1', "I")
            .replace('-', " ");
        assert_eq!(RecoveryCode::parse(&typed).unwrap().0, code().0);
    }

    #[test]
    fn short_long_and_foreign_texts_are_refused() {
        let text = code().expose_text();
        assert_eq!(RecoveryCode::parse("").err(), Some(NotARecoveryCode::Length(0)));
        assert_eq!(
            RecoveryCode::parse(&text[1..]).err(),
            Some(NotARecoveryCode::Length(35))
        );
        assert_eq!(
            RecoveryCode::parse(&format!("{}0", *text)).err(),
            Some(NotARecoveryCode::Length(37))
        );
        assert_eq!(RecoveryCode::parse("0U").err(), Some(NotARecoveryCode::Symbol(2)));
    }

    #[test]
    fn every_wrong_symbol_is_found() {
        let text = code().expose_text();
        for (index, right) in text.char_indices().filter(|(_, letter)| *letter != '-') {
            for wrong in ALPHABET.iter().map(|letter| char::from(*letter)) {
                let mut typed = (*text).clone();
                typed.replace_range(index..=index, &wrong.to_string());
                let accepted = RecoveryCode::parse(&typed).is_ok();
                assert_eq!(accepted, wrong == right, "{wrong} at {index}");
            }
        }
    }

    #[test]
    fn login_key_and_slot_key_differ() {
        let login = code().login_key().to_bytes();
        assert_ne!(login[..20], code().0);
        assert_eq!(login, code().login_key().to_bytes());
    }

    proptest! {
        #[test]
        fn every_code_survives_paper(entropy: [u8; ENTROPY]) {
            let text = RecoveryCode(entropy).expose_text();
            prop_assert_eq!(RecoveryCode::parse(&text).unwrap().0, entropy);
        }

        #[test]
        fn any_text_is_judged_without_panic(text: String) {
            let _ = RecoveryCode::parse(&text);
        }
    }
}
