//! The text protocol of NATS: lines, some of them with a payload behind.

use anyhow::{Context, Result, bail};

/// What a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// About itself.
    Info,
    /// Whether anybody is there, which wants [`PONG`].
    Ping,
    /// Everything before was done.
    Pong,
    /// A message of a subscription.
    Message {
        /// What it was published to.
        subject: &'a [u8],
        /// What was published.
        payload: &'a [u8],
    },
}

/// The answer to a ping.
pub(super) const PONG: &[u8] = b"PONG\r\n";

/// The first thing said and its length; `None` until it is whole.
///
/// # Errors
/// When it is an error, or nothing that a server says to us. Headers come only with the notice that nobody listens.
pub(super) fn first_said(bytes: &[u8]) -> Result<Option<(Said<'_>, usize)>> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or_default();
    let behind = end + 1;
    if let Some(fields) = line.strip_prefix(b"MSG ") {
        let (subject, length) = subject_and_length(fields).context("NATS sent a message without a length")?;
        let payload = bytes.get(behind..behind + length + 2);
        return Ok(payload.map(|payload| {
            let payload = &payload[..length];
            (Said::Message { subject, payload }, behind + length + 2)
        }));
    }
    let said = match line {
        b"PING" => Said::Ping,
        b"PONG" => Said::Pong,
        _ if line.starts_with(b"INFO ") => Said::Info,
        _ => bail!("NATS said: {}", String::from_utf8_lossy(line)),
    };
    Ok(Some((said, behind)))
}

/// `subject sid [reply-to] length`.
fn subject_and_length(fields: &[u8]) -> Option<(&[u8], usize)> {
    let mut fields = fields.split(|byte| *byte == b' ');
    let subject = fields.next()?;
    let length = std::str::from_utf8(fields.next_back()?).ok()?;
    let length: u32 = length.parse().ok()?;
    Some((subject, usize::try_from(length).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<'a>(subject: &'a [u8], payload: &'a [u8]) -> Said<'a> {
        Said::Message { subject, payload }
    }

    #[test]
    fn cut_message_is_not_whole() {
        let whole = b"MSG s0 1 5\r\na\r\nbc\r\n";
        for cut in 0..whole.len() {
            assert_eq!(first_said(&whole[..cut]).unwrap(), None, "{cut}");
        }
        let said = first_said(whole).unwrap().unwrap();
        assert_eq!(said, (message(b"s0", b"a\r\nbc"), whole.len()));
    }

    #[test]
    fn several_things_are_said_one_after_the_other() {
        let mut rest =
            &b"INFO {\"a\":1}\r\nPING\r\nMSG s0 1 reply.7 2\r\nhi\r\nMSG s1 1 0\r\n\r\nPONG\r\n"[..];
        for expected in [
            Said::Info,
            Said::Ping,
            message(b"s0", b"hi"),
            message(b"s1", b""),
            Said::Pong,
        ] {
            let (said, length) = first_said(rest).unwrap().unwrap();
            assert_eq!(said, expected);
            rest = &rest[length..];
        }
        assert_eq!(first_said(rest).unwrap(), None);
    }

    #[test]
    fn error_is_told() {
        let refused = first_said(b"-ERR 'Maximum Payload Violation'\r\n").unwrap_err();
        assert!(
            refused.to_string().contains("Maximum Payload Violation"),
            "{refused}"
        );
        let nobody = first_said(b"HMSG reply.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n").unwrap_err();
        assert!(nobody.to_string().contains("HMSG"), "{nobody}");
    }

    #[test]
    fn message_without_a_length_is_refused() {
        for line in [&b"MSG s0\r\n"[..], b"MSG s0 1 x\r\n", b"MSG \r\n", b"\r\n"] {
            assert!(first_said(line).is_err(), "{line:?}");
        }
    }
}
