//! Why a socket ends, and the close frame that says so.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use sealpost_protocol::close::CloseCode;
use sealpost_protocol::code::ErrorCode;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use super::intake::{AllowanceExceeded, TooFragmented};

/// Final fragment, opcode 8 (RFC 6455 section 5.2).
const CLOSE_FRAME: u8 = 0x88;

/// A close code and, where an error code tells more, that as the reason text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// The number in the close frame.
    pub code: CloseCode,
    /// The text in the close frame.
    pub reason: Option<ErrorCode>,
}

impl Close {
    /// A close that needs no further word.
    #[must_use]
    pub const fn plain(code: CloseCode) -> Self {
        Self { code, reason: None }
    }

    /// A close with an error code as its reason.
    #[must_use]
    pub const fn because(code: CloseCode, reason: ErrorCode) -> Self {
        Self {
            code,
            reason: Some(reason),
        }
    }

    /// A frame that is not one of this protocol.
    pub const MALFORMED: Self = Self::because(CloseCode::ProtocolError, ErrorCode::Malformed);

    /// A client that does not take what is sent to it, or does not answer pings.
    pub const TOO_SLOW: Self = Self::plain(CloseCode::TooSlow);

    /// A member that was removed from a space that this socket reads.
    pub const CUT_OFF: Self = Self::because(CloseCode::Removed, ErrorCode::NotAMember);

    /// The frame, ready to be sent.
    #[must_use]
    pub fn to_frame(self) -> Bytes {
        let reason = self.reason.map_or("", ErrorCode::as_str);
        let length = u8::try_from(2 + reason.len()).expect("error codes are short words");
        let mut frame = BytesMut::with_capacity(4 + reason.len());
        frame.put_u8(CLOSE_FRAME);
        frame.put_u8(length);
        frame.put_u16(self.code.number());
        frame.put_slice(reason.as_bytes());
        frame.freeze()
    }
}

/// How a socket came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed or is gone; there is nothing left to say.
    Gone,
    /// The relay closes and says why.
    Close(Close),
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(_) => Close::because(CloseCode::TooLarge, ErrorCode::TooLarge).into(),
            Error::Utf8(_) => Close::plain(CloseCode::InvalidPayload).into(),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            Error::Protocol(_) => Close::plain(CloseCode::ProtocolError).into(),
            Error::Io(error) => error.into(),
            _ => Self::Gone,
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        match error.get_ref() {
            Some(inner) if inner.is::<AllowanceExceeded>() || inner.is::<TooFragmented>() => {
                Close::because(CloseCode::TooLarge, ErrorCode::TooLarge).into()
            }
            _ => Self::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_carries_code_and_reason() {
        let close = Close::because(CloseCode::Policy, ErrorCode::RateLimited);
        assert_eq!(close.to_frame(), &b"\x88\x0e\x03\xf0rate_limited"[..]);
        assert_eq!(
            Close::plain(CloseCode::Restart).to_frame(),
            &b"\x88\x02\x03\xf4"[..]
        );
    }

    #[test]
    fn every_reason_fits_a_control_frame() {
        for reason in ErrorCode::ALL {
            let frame = Close::because(CloseCode::Policy, *reason).to_frame();
            assert!(frame.len() <= 2 + 125, "{reason}");
        }
    }
}
