//! Names of things that only the directory knows: 16 random bytes each. In text they are lower-case hex, as all
//! ids are.

use std::{fmt, str::FromStr};

use crate::entropy::Entropy;

/// Text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 lower-case hex digits")]
pub struct NotAnId;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Draws a new id.
            pub fn generate(entropy: &dyn Entropy) -> Self {
                let mut bytes = [0; 16];
                entropy.fill(&mut bytes);
                Self(bytes)
            }

            /// The id with these bytes.
            pub const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let mut bytes = [0; 16];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAnId)?;
                let id = Self(bytes);
                // Upper case decodes too, but an id has one text.
                (id.to_string() == text).then_some(id).ok_or(NotAnId)
            }
        }
    };
}

random_id!(
    /// A registration token, as the operator lists and revokes it.
    TokenId
);
random_id!(
    /// A registration or login between its two messages.
    AttemptId
);
random_id!(
    /// A staged change of keystore and credentials.
    StageId
);
random_id!(
    /// An entry of the audit log.
    AuditId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_id_round_trips_and_is_the_only_one() {
        let id = TokenId::new([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "ab", &"AB".repeat(16), &"ab".repeat(17), &"xy".repeat(16)] {
            assert_eq!(text.parse::<TokenId>(), Err(NotAnId), "{text}");
        }
    }
}
