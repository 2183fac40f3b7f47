//! Codes of new devices: `sealpost-new-device:HANDLE:SYMBOLS`.
//!
//! The symbols are 128 random bits, the hash of what the device asks for, and 16 bits of checksum, written like a pairing code. The
//! text says what it is, and of whose account, to whoever is asked to type it.

use hkdf::Hkdf;
use sealpost_protocol::handle::can_name_account;
use sealpost_protocol::hash::{Digest32, Label, framed, tagged_hash};
use sealpost_protocol::http::SecretToken;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::keystore::crockford;

const PREFIX: &str = "sealpost-new-device";
const SECRET: usize = 16;
const CHECK: usize = 2;
const WRITTEN: usize = SECRET + size_of::<Digest32>() + CHECK;
const SYMBOLS: usize = WRITTEN * 8 / 5;

/// Lets a new device into the account that it names, once somebody who is in approves it. For the screen of that device, and
/// for the hands of the owner.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct DeviceCode {
    secret: [u8; SECRET],
    #[zeroize(skip)]
    request: Digest32,
    #[zeroize(skip)]
    handle: String,
}

/// Text that is not a device's code. It never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no code of a new device: it begins with sealpost-new-device: and has 80 letters and digits in twenty groups at its \
     end, copy all of it"
)]
pub struct NotADeviceCode;

impl DeviceCode {
    pub(in crate::account) fn new(secret: [u8; SECRET], request: Digest32, handle: &str) -> Self {
        Self {
            secret,
            request,
            handle: handle.to_owned(),
        }
    }

    /// Reads a code: dashes, spaces and letter case of the symbols do not matter.
    ///
    /// # Errors
    /// [`NotADeviceCode`].
    pub fn parse(text: &str) -> Result<Self, NotADeviceCode> {
        let mut parts = text.trim().splitn(3, ':');
        let (prefix, handle, symbols) = (parts.next(), parts.next(), parts.next());
        let handle = handle.filter(|handle| prefix == Some(PREFIX) && can_name_account(handle));
        let handle = handle.ok_or(NotADeviceCode)?;
        let symbols = crockford::read(symbols.unwrap_or_default()).map_err(|_| NotADeviceCode)?;
        if symbols.len() != SYMBOLS {
            return Err(NotADeviceCode);
        }
        let written: Zeroizing<[u8; WRITTEN]> = Zeroizing::new(crockford::pack(&symbols));
        let (secret, rest) = written.split_first_chunk().ok_or(NotADeviceCode)?;
        let (request, check) = rest.split_first_chunk().ok_or(NotADeviceCode)?;
        let code = Self::new(*secret, *request, handle);
        (code.checksum() == check).then_some(code).ok_or(NotADeviceCode)
    }

    /// The code's text, for the screen of the new device.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        let mut written = Zeroizing::new(Vec::with_capacity(WRITTEN));
        written.extend(self.secret);
        written.extend(self.request);
        written.extend(self.checksum());
        let symbols = crockford::write(&crockford::unpack(&written));
        Zeroizing::new(format!("{PREFIX}:{}:{}", self.handle, *symbols))
    }

    /// The account that the device wants to enter.
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.handle
    }

    /// Hash of what the device asks for.
    pub(in crate::account) fn request(&self) -> &Digest32 {
        &self.request
    }

    /// What the relay knows the request by.
    pub(in crate::account) fn token(&self) -> SecretToken {
        SecretToken::new(self.derive(Label::DEVICE_TOKEN))
    }

    /// The preshared key of the approval: whoever has it has seen the code.
    pub(in crate::account) fn preshared_key(&self) -> Zeroizing<[u8; 32]> {
        self.derive(Label::DEVICE_PSK)
    }

    fn derive(&self, label: Label) -> Zeroizing<[u8; 32]> {
        let mut derived = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.secret)
            .expand(&framed(label, &[&self.request]), &mut derived[..])
            .expect("32 bytes are below HKDF's limit of 8,160");
        derived
    }

    fn checksum(&self) -> [u8; CHECK] {
        let hash = tagged_hash(
            Label::DEVICE_CODE,
            &[self.handle.as_bytes(), &self.secret, &self.request],
        );
        [hash[0], hash[1]]
    }
}
