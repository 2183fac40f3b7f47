//! What one strict signature check and one opened ciphertext cost, in CPU time of one thread.

use std::{hint::black_box, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use ed25519_dalek::SigningKey;
use rustix::time::{ClockId, clock_gettime};
use sealpost_protocol::{
    hash::{Label, sha256},
    keys::{PublicKey, sign},
    limits,
};
use serde::Serialize;

use crate::stage::{MESSAGE, fill, random};

/// About what a header has.
const HEADER: usize = 300;
/// Operations between two looks at the clock.
const AT_ONCE: u32 = 100;

/// CPU time of the two operations that no event can do without, for 1 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Primitives {
    /// One strict Ed25519 check over header and ciphertext hash, the hash of 1 KiB included.
    pub check_us: f64,
    /// One XChaCha20-Poly1305 ciphertext of 1 KiB, opened.
    pub open_us: f64,
}

impl Primitives {
    /// Measures both for about `time` each. Blocks.
    pub fn measure(time: Duration) -> Result<Self> {
        let header = bytes(HEADER);
        Ok(Self {
            check_us: check(time, &header)?,
            open_us: open(time, &header)?,
        })
    }
}

fn check(time: Duration, header: &[u8]) -> Result<f64> {
    let key = SigningKey::from_bytes(&random());
    let (public, ciphertext) = (PublicKey::of(&key), bytes(MESSAGE));
    let signature = sign(&key, Label::EVENT, &[header, &sha256(&ciphertext)]);
    micros_of(time, || {
        let hash = sha256(black_box(&ciphertext));
        public.verify(Label::EVENT, &[header, &hash], &signature)?;
        Ok(())
    })
}

fn open(time: Duration, header: &[u8]) -> Result<f64> {
    let cipher = XChaCha20Poly1305::new(&random().into());
    let nonce = XNonce::from(random::<{ limits::NONCE }>());
    let mut sealed = bytes(MESSAGE).to_vec();
    let seal = cipher.encrypt_in_place(&nonce, header, &mut sealed);
    seal.ok().context("a message can be sealed")?;
    micros_of(time, || {
        let mut buffer = black_box(&sealed).clone();
        let opened = cipher.decrypt_in_place(&nonce, header, &mut buffer);
        opened.ok().context("what was sealed opens")
    })
}

fn micros_of(time: Duration, operation: impl Fn() -> Result<()>) -> Result<f64> {
    let started = thread_time();
    let mut done = 0;
    loop {
        for _ in 0..AT_ONCE {
            operation()?;
        }
        done += AT_ONCE;
        let elapsed = thread_time().saturating_sub(started);
        if elapsed >= time {
            return Ok(elapsed.as_secs_f64() * 1e6 / f64::from(done));
        }
    }
}

/// CPU time of this thread: others may use the processor too.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}

fn bytes(length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    fill(&mut bytes);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_costs_more_than_opening_one_message() {
        let primitives = Primitives::measure(Duration::from_millis(5)).unwrap();
        assert!(
            primitives.check_us > 0.0 && primitives.open_us > 0.0,
            "{primitives:?}"
        );
    }
}
