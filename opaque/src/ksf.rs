//! The Argon2id parameters a relay may announce, and the bounds a client accepts.

use zeroize::Zeroizing;

use crate::error::{Error, expect_passphrase};
use crate::suite::argon2id;

/// The least a client stretches a passphrase with: what suite 1 fixes (DESIGN.md section 4). It is the
/// second recommendation of RFC 9106 on one lane.
pub const FLOOR: KsfParameters = KsfParameters {
    m_kib: 64 * 1024,
    t: 3,
    p: 1,
};

/// The most a client lets a relay ask of it: 1 GiB, 10 passes, 4 lanes. Without a ceiling a relay could ask
/// for 4 TiB.
pub const CEILING: KsfParameters = KsfParameters {
    m_kib: 1024 * 1024,
    t: 10,
    p: 4,
};

/// Argon2id parameters as announced, not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KsfParameters {
    /// Memory in KiB.
    pub m_kib: u32,
    /// Passes over the memory.
    pub t: u32,
    /// Lanes.
    pub p: u32,
}

/// Announced parameters lie outside what the client accepts. Nothing was derived.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("Argon2id {name} = {value} is outside {floor}..={ceiling}")]
pub struct KsfRefused {
    /// Which parameter: `m_kib`, `t` or `p`.
    pub name: &'static str,
    /// What was announced.
    pub value: u32,
    /// The least that is accepted.
    pub floor: u32,
    /// The most that is accepted.
    pub ceiling: u32,
}

/// Parameters inside the bounds. Only [`KsfParameters::check`] makes one, so that no derivation can run on
/// parameters nobody looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedKsf(KsfParameters);

impl KsfParameters {
    /// Accepts parameters between [`FLOOR`] and [`CEILING`], bounds included.
    ///
    /// # Errors
    /// Names the first parameter that is outside.
    pub fn check(self) -> Result<CheckedKsf, KsfRefused> {
        check_one("m_kib", self.m_kib, FLOOR.m_kib, CEILING.m_kib)?;
        check_one("t", self.t, FLOOR.t, CEILING.t)?;
        check_one("p", self.p, FLOOR.p, CEILING.p)?;
        Ok(CheckedKsf(self))
    }
}

impl CheckedKsf {
    /// The parameters that were checked.
    pub fn parameters(&self) -> KsfParameters {
        self.0
    }

    /// Stretches a passphrase for a file that no relay guards: Argon2id with a salt of its own, 64 bytes out. Takes a tenth
    /// of a second or more.
    ///
    /// # Errors
    /// [`Error::PassphraseLength`] for an empty passphrase or one that is too long; [`Error::Internal`].
    pub fn stretch(&self, passphrase: &[u8], salt: &[u8; 32]) -> Result<Zeroizing<[u8; 64]>, Error> {
        expect_passphrase(passphrase)?;
        let mut output = Zeroizing::new([0; 64]);
        argon2id(self.0, passphrase, salt, &mut output[..]).map_err(|_| Error::Internal)?;
        Ok(output)
    }
}

fn check_one(name: &'static str, value: u32, floor: u32, ceiling: u32) -> Result<(), KsfRefused> {
    if (floor..=ceiling).contains(&value) {
        Ok(())
    } else {
        Err(KsfRefused {
            name,
            value,
            floor,
            ceiling,
        })
    }
}
