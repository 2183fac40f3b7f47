//! Who comes faster than a rate is served later.
//!
//! To wait costs the relay a timer, and makes whoever goes on as soon as it was answered go on at the rate; an answer that refuses
//! costs about as much as many a request, and who is refused comes back at once.

use std::{net::IpAddr, time::Duration};

use crate::{
    client_address::Network,
    limiter::{Limiter, Rate},
};

/// The rate of each network.
pub(super) struct Pace {
    limiter: Limiter,
    patience: Duration,
}

impl Pace {
    /// Lets nobody wait for longer than `patience`.
    pub(super) fn new(rate: Rate, patience: Duration) -> Self {
        Self {
            limiter: Limiter::new(rate),
            patience,
        }
    }

    /// Waits for the turn of somebody at `address`.
    ///
    /// # Errors
    /// When to come back, at once, if too many from there wait already.
    pub(super) async fn turn(&self, address: IpAddr) -> Result<(), Duration> {
        let network = Network::from(address).to_bytes();
        let wait = self.limiter.take_within(&network, self.patience)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn who_comes_too_fast_waits_and_another_network_does_not() {
        let pace = Pace::new(Rate::per(SECOND, 10), SECOND);
        let [here, elsewhere] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        let start = Instant::now();
        let turns = join_all((0..21).map(|_| pace.turn(here))).await;
        assert_eq!(turns.iter().filter(|turn| turn.is_ok()).count(), 20);
        assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
        let start = Instant::now();
        pace.turn(elsewhere).await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
