//! Trying again what may succeed later.

use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::client::Shared;
use crate::entropy;
use crate::error::Error;

/// Attempts before a transfer is given up. What is done by then stays done.
const ATTEMPTS: u32 = 10;

/// Asks again, after growing random delays or those that the relay names, while that may help. For an agent whose session ended that
/// is at once.
pub(super) async fn patiently<T, F>(shared: &Shared, ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut backoff = Backoff::new(entropy::system());
    for _ in 1..ATTEMPTS {
        let error = match shared.renewing(&ask).await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error),
        };
        let hint = match &error {
            Error::Refused(refusal) => refusal.retry_after,
            _ => None,
        };
        sleep(backoff.next_delay(hint)).await;
    }
    shared.renewing(ask).await
}
