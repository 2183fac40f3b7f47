//! What can go wrong, split by what the caller can do about it.

use opaque_ke::errors::ProtocolError;

/// An OPAQUE step was refused.
///
/// It never carries bytes of a message: those are as sensitive as a password hash.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The passphrase is wrong, or the other side is not who it was at registration. The two cannot be
    /// told apart, and an unknown user looks the same.
    #[error("passphrase and record do not match")]
    Mismatch,
    /// The passphrase is empty or longer than [`crate::sizes::PASSPHRASE_MAX`].
    #[error("passphrase is empty or too long")]
    PassphraseLength,
    /// A message or state has the wrong length or holds values that are not of the group.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A primitive refused to run; the input was acceptable.
    #[error("the OPAQUE library failed inside")]
    Internal,
}

impl Error {
    /// Sorts an error of the library that arose while handling `what`. Not for reading messages: there the library calls values that
    /// are not of the group a failure of its own.
    pub(crate) fn from_library(what: &'static str, error: ProtocolError) -> Self {
        match error {
            ProtocolError::InvalidLoginError => Self::Mismatch,
            ProtocolError::LibraryError(_) => Self::Internal,
            _ => Self::Malformed(what),
        }
    }
}

/// Refuses `bytes` unless they are exactly `length` long: the library ignores what follows a message.
pub(crate) fn expect_length(what: &'static str, bytes: &[u8], length: usize) -> Result<(), Error> {
    if bytes.len() == length {
        Ok(())
    } else {
        Err(Error::Malformed(what))
    }
}

/// Refuses a passphrase whose length is out of bounds.
pub(crate) fn expect_passphrase(passphrase: &[u8]) -> Result<(), Error> {
    if passphrase.is_empty() || passphrase.len() > crate::sizes::PASSPHRASE_MAX {
        Err(Error::PassphraseLength)
    } else {
        Ok(())
    }
}
