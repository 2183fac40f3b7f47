//! A new device that is let in by one that is logged in.
//!
//! The new device leaves its one-time key here under a token that its code derives, and asks what came of it by a token that
//! it keeps to itself. Until somebody approves it, its request belongs to no account; from then on the session that it will get
//! is listed with the account's others and can be ended like them. What the approver seals to it nobody here
//! can open; whether the code was read from the device's screen is for the two devices to find out.

mod claim;
mod expected;
mod grant;
mod look_up;
mod start;

use sealpost_protocol::limits;

use super::{
    AuthenticatedSession, Directory, DirectoryError, DirectorySettings,
    seals::{OpenSeals, columns},
};
use crate::atrest::BlindIndexValue;

/// What a new device said of itself.
struct Device {
    hpke_key: Vec<u8>,
    name: String,
}

impl Device {
    /// Sealed under both tokens: neither of the row's hashes can be exchanged.
    fn seal(&self, seals: &OpenSeals, token: BlindIndexValue, claim: BlindIndexValue) -> Vec<u8> {
        let plaintext = [&self.hpke_key[..], self.name.as_bytes()].concat();
        seals.seal(columns::REQUESTING_DEVICE, &row_key(token, claim), &plaintext)
    }

    fn open(
        seals: &OpenSeals,
        token: BlindIndexValue,
        claim: BlindIndexValue,
        sealed: &[u8],
    ) -> Result<Self, DirectoryError> {
        let plaintext = seals.open(columns::REQUESTING_DEVICE, &row_key(token, claim), sealed)?;
        let malformed = DirectoryError::Internal("a stored request of a device is malformed");
        let Some((hpke_key, name)) = plaintext.split_at_checked(limits::HPKE_KEY) else {
            return Err(malformed);
        };
        Ok(Self {
            hpke_key: hpke_key.to_vec(),
            name: str::from_utf8(name).map_err(|_| malformed)?.to_owned(),
        })
    }
}

fn row_key(token: BlindIndexValue, claim: BlindIndexValue) -> Vec<u8> {
    [&token.as_bytes()[..], claim.as_bytes()].concat()
}
