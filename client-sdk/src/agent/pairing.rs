//! Pairing codes: 128 random bits and the principal of the owner who gives them to an agent.
//!
//! Written like a recovery code, as 80 symbols in twenty groups of four, the last 16 bits a checksum. The relay gets only a
//! token that the bits and the owner derive: a code whose owner was exchanged opens nothing.

use hkdf::Hkdf;
use rand::CryptoRng;
use sealpost_protocol::hash::{Label, framed, tagged_hash};
use sealpost_protocol::http::SecretToken;
use sealpost_protocol::ids::PrincipalId;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::entropy;
use crate::keystore::{NotARecoveryCode, crockford};

const ENTROPY: usize = 16;
const CHECK: usize = 2;
const WRITTEN: usize = ENTROPY + PrincipalId::LENGTH + CHECK;
const SYMBOLS: usize = WRITTEN * 8 / 5;

/// Lets one agent of its owner in, once. A secret of the owner: give it to the agent's machine and to nobody else.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PairingCode {
    entropy: [u8; ENTROPY],
    #[zeroize(skip)]
    owner: PrincipalId,
}

/// Text that is not a pairing code. It never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPairingCode {
    /// Too short or too long.
    #[error("this is no pairing code: it has 80 letters and digits in twenty groups, copy all of it")]
    Length,
    /// The letter at this place, from 1, is none that a code has.
    #[error(
        "the pairing code is mistyped: at place {0} stands what no code has, which is made of digits and letters without U"
    )]
    Symbol(usize),
    /// The checksum differs.
    #[error(
        "the pairing code is mistyped: its checksum does not fit; compare each group with the code as it was shown"
    )]
    Checksum,
}

impl PairingCode {
    /// Draws a new code of `owner`.
    pub(crate) fn generate(owner: PrincipalId, rng: &mut impl CryptoRng) -> Self {
        Self {
            entropy: entropy::draw(rng),
            owner,
        }
    }

    /// Reads a code: dashes, spaces and letter case do not matter.
    ///
    /// # Errors
    /// [`NotAPairingCode`].
    pub fn parse(text: &str) -> Result<Self, NotAPairingCode> {
        let symbols = crockford::read(text).map_err(|error| match error {
            NotARecoveryCode::Symbol(place) => NotAPairingCode::Symbol(place),
            _ => NotAPairingCode::Length,
        })?;
        if symbols.len() != SYMBOLS {
            return Err(NotAPairingCode::Length);
        }
        let written: Zeroizing<[u8; WRITTEN]> = Zeroizing::new(crockford::pack(&symbols));
        let (entropy, rest) = written.split_first_chunk().ok_or(NotAPairingCode::Length)?;
        let (owner, check) = rest.split_first_chunk().ok_or(NotAPairingCode::Length)?;
        let code = Self {
            entropy: *entropy,
            owner: PrincipalId::new(*owner),
        };
        let fits = code.checksum() == check;
        fits.then_some(code).ok_or(NotAPairingCode::Checksum)
    }

    /// The code's text, for the agent's machine.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        let mut written = Zeroizing::new(Vec::with_capacity(WRITTEN));
        written.extend(self.entropy);
        written.extend(self.owner.as_bytes());
        written.extend(self.checksum());
        crockford::write(&crockford::unpack(&written))
    }

    /// Whom an agent that enrolls with it belongs to.
    #[must_use]
    pub fn owner(&self) -> PrincipalId {
        self.owner
    }

    #[cfg(test)]
    pub(super) fn of(entropy: &[u8; ENTROPY], owner: PrincipalId) -> Self {
        Self {
            entropy: *entropy,
            owner,
        }
    }

    #[cfg(test)]
    pub(super) fn expose_entropy(&self) -> &[u8; ENTROPY] {
        &self.entropy
    }

    /// What the relay knows the code by.
    pub(super) fn token(&self) -> SecretToken {
        let mut token = Zeroizing::new([0; 32]);
        let info = framed(Label::PAIRING_TOKEN, &[self.owner.as_bytes()]);
        Hkdf::<Sha256>::new(None, &self.entropy)
            .expand(&info, &mut token[..])
            .expect("32 bytes are below HKDF's limit of 8,160");
        SecretToken::new(token)
    }

    fn checksum(&self) -> [u8; CHECK] {
        let hash = tagged_hash(Label::PAIRING_CODE, &[&self.entropy, self.owner.as_bytes()]);
        [hash[0], hash[1]]
    }
}
