//! Events of a fan-out: payloads that begin with their number.

use anyhow::{Context, Result, ensure};

/// Bytes that the number takes.
pub const NUMBER: usize = size_of::<u64>();

/// Checks that the event behind `next` events is the one with that number, so that a broker gets no credit for what it lost.
pub(super) fn expect(next: u64, payload: &[u8]) -> Result<()> {
    let number = payload
        .first_chunk::<NUMBER>()
        .context("an event without a number")?;
    let number = u64::from_be_bytes(*number);
    ensure!(
        number == next,
        "event {number} was delivered where {next} was due"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_out_of_order_is_noticed() {
        let payload = [&7_u64.to_be_bytes()[..], b"noise"].concat();
        expect(7, &payload).unwrap();
        let refused = expect(6, &payload).unwrap_err().to_string();
        assert!(refused.contains("event 7"), "{refused}");
        assert!(expect(0, &[0; NUMBER - 1]).is_err());
    }
}
