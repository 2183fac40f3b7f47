//! The one place that takes randomness from the system. What draws takes a generator as its argument.

use rand::CryptoRng;
use rand::rand_core::UnwrapErr;

/// The system's generator.
///
/// It panics when the system has no randomness to give: every way to go on would give secrets away.
pub(crate) fn system() -> impl CryptoRng {
    UnwrapErr(rand::rngs::SysRng)
}

/// An array of random bytes.
pub(crate) fn draw<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}
