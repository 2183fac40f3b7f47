//! Ids: fixed-size byte strings with a type each, so that one kind cannot stand where another is meant.
//!
//! In text (JSON, command line) an id is lower-case hex.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes or text that are not an id of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {expected} bytes ({} lower-case hex digits)", expected * 2)]
pub struct IdError {
    kind: &'static str,
    expected: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Length in bytes.
            pub const LENGTH: usize = $length;

            /// The id made of these bytes.
            #[must_use]
            pub const fn new(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The id's bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The id's bytes as a shared buffer, for a frame.
            #[must_use]
            pub fn to_bytes(&self) -> bytes::Bytes {
                bytes::Bytes::copy_from_slice(&self.0)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError { kind: $kind, expected: $length })
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = || IdError { kind: $kind, expected: $length };
                if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return Err(error());
                }
                let mut bytes = [0; $length];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| error())?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// An account: random, never reused; also OPAQUE's credential identifier.
    AccountId, 16, "an account id"
);
id!(
    /// A login session of one device.
    SessionId, 16, "a session id"
);
id!(
    /// One install of one principal: random.
    WriterId, 16, "a writer id"
);
id!(
    /// Which life of the database this is; a restore starts a new one.
    Incarnation, 16, "an incarnation"
);
id!(
    /// A blob: random, drawn by who seals it.
    BlobId, 16, "a blob id"
);
id!(
    /// A principal: the hash of its public manifest.
    PrincipalId, 32, "a principal id"
);
id!(
    /// A space: the hash of its genesis record.
    SpaceId, 32, "a space id"
);
id!(
    /// An event or control record: the hash of its signed bytes.
    EventId, 32, "an event id"
);
id!(
    /// The public commitment to an epoch secret.
    KeyId, 32, "a key id"
);
id!(
    /// The running hash of a space's log. At seq 0 it is the space id.
    Root, 32, "a root"
);
id!(
    /// The relay's proof that it once put (seq, root) in a space.
    Receipt, 32, "a receipt"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        let id = PrincipalId::new([0xa5; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn upper_case_short_and_long_texts_are_refused() {
        for text in [
            "A5",
            "",
            "a5",
            &"a5".repeat(33),
            &"A5".repeat(32),
            &"g5".repeat(32),
        ] {
            assert!(text.parse::<SpaceId>().is_err(), "{text}");
        }
    }
}
