//! How fast, and before authentication how much, a client may send: enforced by not reading on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use sealpost_protocol::limits;
use tokio::time::{Instant, Sleep, sleep};

use super::bucket::{Rate, TokenBucket};
use super::scanner::FrameScanner;

/// The client sent more before it was authenticated than an Authenticate frame takes.
#[derive(Debug, thiserror::Error)]
#[error("too many bytes before authentication")]
pub struct AllowanceExceeded;

/// The client sent a message in more parts than a message may have.
#[derive(Debug, thiserror::Error)]
#[error("a message in too many parts")]
pub struct TooFragmented;

/// Meters what arrives on one socket.
#[derive(Debug)]
pub struct Intake {
    bytes: TokenBucket,
    frames: TokenBucket,
    scanner: FrameScanner,
    allowance: u64,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Intake {
    /// A meter that lets `allowance` bytes pass until it is lifted.
    pub fn new(bytes: Rate, frames: Rate, allowance: u64, now: Instant) -> Self {
        Self {
            bytes: TokenBucket::new(bytes, now),
            frames: TokenBucket::new(frames, now),
            scanner: FrameScanner::default(),
            allowance,
            pause: None,
        }
    }

    /// Ends the limit on the total, not those on the rates.
    pub fn lift_allowance(&mut self) {
        self.allowance = u64::MAX;
    }

    /// Ready once the client is out of debt.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }

    /// Charges for bytes that were read.
    ///
    /// # Errors
    /// [`AllowanceExceeded`] or [`TooFragmented`], as an I/O error.
    pub fn charge(&mut self, bytes: &[u8], now: Instant) -> io::Result<()> {
        let length = bytes.len() as u64;
        self.allowance = self
            .allowance
            .checked_sub(length)
            .ok_or_else(|| io::Error::new(io::ErrorKind::QuotaExceeded, AllowanceExceeded))?;
        let for_bytes = self.bytes.charge(length, now);
        let for_frames = self.frames.charge(self.scanner.scan(bytes).into(), now);
        if self.scanner.most_fragments() > limits::MAX_FRAGMENTS {
            return Err(io::Error::new(io::ErrorKind::InvalidData, TooFragmented));
        }
        self.pause_for(for_bytes.max(for_frames));
        Ok(())
    }

    fn pause_for(&mut self, wait: Duration) {
        if !wait.is_zero() {
            self.pause = Some(Box::pin(sleep(wait)));
        }
    }
}
