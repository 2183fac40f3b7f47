//! What must not leak.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sealpost_protocol::limits;

use crate::canary::Canary;

/// A secret, and who may know it.
pub(super) struct Secret {
    name: &'static str,
    bytes: Vec<u8>,
    relay_sees_it: bool,
}

impl Secret {
    pub(super) fn new(name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name,
            bytes: bytes.into(),
            relay_sees_it: false,
        }
    }

    /// The relay is told it for a moment, so that it may be in the relay's memory, and nowhere else.
    pub(super) fn that_the_relay_sees(self) -> Self {
        Self {
            relay_sees_it: true,
            ..self
        }
    }

    /// The code of a new device as it is shown, and as it may be typed.
    pub(super) fn of_device_code(text: &str) -> Vec<Self> {
        let (_, symbols) = text.rsplit_once(':').unwrap();
        let plain: String = symbols.chars().filter(|letter| *letter != '-').collect();
        vec![
            Self::new("code of a device with dashes", symbols),
            Self::new("code of a device without dashes", plain.as_str()),
            Self::new("the secret in the code of a device", &bits(&plain)[..16]),
        ]
    }

    /// A device secret as it is shown, and as it may be typed; its bits come from a home.
    pub(super) fn of_device_secret(text: &str) -> Vec<Self> {
        let plain: String = text.chars().filter(|letter| *letter != '-').collect();
        vec![
            Self::new("device secret with dashes", text),
            Self::new("device secret without dashes", plain.as_str()),
        ]
    }

    /// A recovery code as it is shown, as it may be typed, and what it stands for.
    pub(super) fn of_recovery_code(text: &str) -> Vec<Self> {
        let plain: String = text.chars().filter(|letter| *letter != '-').collect();
        vec![
            Self::new("recovery code with dashes", text),
            Self::new("recovery code in small letters", text.to_lowercase()),
            Self::new("recovery code without dashes", plain.as_str()),
            Self::new(
                "recovery code without dashes in small letters",
                plain.to_lowercase(),
            ),
            Self::new("recovery code's bits", bits(&plain)),
        ]
    }

    /// A pairing code as it is shown, as it may be typed, and the part of it that is secret.
    pub(super) fn of_pairing_code(text: &str) -> Vec<Self> {
        let plain: String = text.chars().filter(|letter| *letter != '-').collect();
        vec![
            Self::new("pairing code with dashes", text),
            Self::new("pairing code in small letters", text.to_lowercase()),
            Self::new("pairing code without dashes", plain.as_str()),
            Self::new("pairing code's bits", &bits(&plain)[..16]),
        ]
    }

    /// What stands behind the `#` of an invite link, and the secret in it.
    pub(super) fn of_invite_link(link: &str) -> Vec<Self> {
        let (_, fragment) = link.split_once('#').expect("a link has a fragment");
        let content = URL_SAFE_NO_PAD.decode(fragment).expect("it is base64url");
        vec![
            Self::new("invite link", fragment),
            Self::new("invite link's secret", &content[1..=limits::SECRET]),
        ]
    }

    pub(super) fn canary(&self) -> Canary {
        Canary::new(self.name, &self.bytes)
    }

    pub(super) fn may_be_in_the_relays_memory(&self) -> bool {
        self.relay_sees_it
    }
}

/// The 160 bits of a code's first 32 symbols.
fn bits(symbols: &str) -> Vec<u8> {
    const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let values = symbols.chars().take(32).map(|symbol| {
        ALPHABET
            .find(symbol)
            .expect("a recovery code is of these letters") as u64
    });
    let values: Vec<u64> = values.collect();
    // Eight symbols are five bytes.
    let five = |group: &[u64]| {
        let number = group.iter().fold(0, |number, value| number << 5 | value);
        number.to_be_bytes()[3..].to_vec()
    };
    values.chunks(8).flat_map(five).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codes_bits_are_packed_from_the_first_on() {
        assert_eq!(
            bits("ZZZZZZZZ00000000ZZZZZZZZ00000001"),
            [&[0xff; 5][..], &[0; 5], &[0xff; 5], &[0, 0, 0, 0, 1]].concat()
        );
    }
}
