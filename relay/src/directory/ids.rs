//! Names of things that only the directory knows: 16 random bytes each.

use crate::entropy::Entropy;

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
