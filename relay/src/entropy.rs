//! Where randomness comes from: an argument, so that a test can decide it.

/// A source of unpredictable bytes that many tasks share.
pub trait Entropy: Send + Sync {
    /// Overwrites `destination` with unpredictable bytes.
    fn fill(&self, destination: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the relay that asks the operating system"
    )]
    fn fill(&self, destination: &mut [u8]) {
        // Blocks only early in boot, and cannot fail afterwards on the systems we run on.
        getrandom::fill(destination).expect("the operating system's generator works once booted");
    }
}
