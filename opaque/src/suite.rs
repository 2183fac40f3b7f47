//! The cipher suite, its stretching function and its random source.

use argon2_old::{Algorithm, Argon2, Block, Params, Version};
use opaque_ke::errors::InternalError;
use opaque_ke::generic_array::{ArrayLength, GenericArray};
use opaque_ke::{CipherSuite, Ristretto255, TripleDh, ksf::Ksf};
use rand_old::rngs::OsRng;
use sha2_old::Sha512;
use zeroize::Zeroize;

use crate::ksf::{CheckedKsf, FLOOR, KsfParameters};

/// ristretto255, 3DH with SHA-512, Argon2id.
pub(crate) struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, Sha512>;
    type Ksf = Stretch;
}

/// Argon2id with fixed parameters.
///
/// A type of its own, because the library falls back on `Default` and the default of `argon2` is weaker
/// (19 MiB, two passes) than our floor. The salt is 16 zero bytes, as the library's own Argon2 has it: the
/// input is the output of the OPRF, which is already different for every account.
pub(crate) struct Stretch(KsfParameters);

const SALT: [u8; argon2_old::RECOMMENDED_SALT_LEN] = [0; argon2_old::RECOMMENDED_SALT_LEN];

impl Default for Stretch {
    fn default() -> Self {
        Self(FLOOR)
    }
}

impl From<CheckedKsf> for Stretch {
    fn from(checked: CheckedKsf) -> Self {
        Self(checked.parameters())
    }
}

impl Ksf for Stretch {
    fn hash<L: ArrayLength<u8>>(
        &self,
        input: GenericArray<u8, L>,
    ) -> Result<GenericArray<u8, L>, InternalError> {
        let mut output = GenericArray::default();
        argon2id(self.0, &input, &SALT, &mut output).map_err(|_| InternalError::KsfError)?;
        Ok(output)
    }
}

/// This machine cannot run Argon2id with these parameters.
pub(crate) struct CannotStretch;

/// Argon2id over memory that is wiped.
pub(crate) fn argon2id(
    parameters: KsfParameters,
    input: &[u8],
    salt: &[u8],
    output: &mut [u8],
) -> Result<(), CannotStretch> {
    let KsfParameters { m_kib, t, p } = parameters;
    let params = Params::new(m_kib, t, p, None).map_err(|_| CannotStretch)?;
    // A relay may ask for up to a gigabyte: a device that has less says so instead of dying.
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|_| CannotStretch)?;
    memory.resize(params.block_count(), Block::default());
    let hashed = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        input,
        salt,
        output,
        &mut memory,
    );
    memory.zeroize();
    hashed.map_err(|_| CannotStretch)
}

/// The random source of every step.
///
/// Elsewhere chance is an argument. Here it is not: `opaque-ke` takes the traits of `rand` 0.8, which must
/// not leak out of this crate, and a caller who could choose the blinding factor could only do harm.
pub(crate) fn random_source() -> OsRng {
    OsRng
}
