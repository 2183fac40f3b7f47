use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::{Zeroize, Zeroizing};

/// Bytes as unpadded base64url. `Debug` shows their number only: some are as sensitive as a password hash.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Base64Bytes(pub Vec<u8>);

impl fmt::Debug for Base64Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64Bytes({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Base64Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for Base64Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD
            .decode(text)
            .map(Self)
            .map_err(|_| de::Error::custom("must be unpadded base64url"))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Base64Bytes {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let whole_bytes = "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2,3})?$";
        text_schema("Bytes as unpadded base64url.", whole_bytes)
    }
}

/// Text of one form, so that who reads the document, or generates requests from it, knows which.
#[cfg(feature = "openapi")]
fn text_schema(description: &str, pattern: &str) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .description(Some(description))
        .pattern(Some(pattern))
        .into()
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Base64Bytes {}

/// A bearer token: 32 random bytes, as text unpadded base64url. Never shown by `Debug`.
pub struct SecretToken(Zeroizing<[u8; 32]>);

/// Text that is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is 43 characters of unpadded base64url")]
pub struct NotAToken;

impl SecretToken {
    /// A token of these bytes.
    #[must_use]
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Parses a token's text.
    ///
    /// # Errors
    /// [`NotAToken`].
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let mut bytes = Zeroizing::new([0; 32]);
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes[..]) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(NotAToken),
        }
    }

    /// The token's bytes, for hashing or a frame.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The token's text, for an `Authorization` header or the one who is to keep it.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(&self.0[..]))
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(..)")
    }
}

impl Serialize for SecretToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.expose_text())
    }
}

impl<'de> Deserialize<'de> for SecretToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let token = Self::parse(&text).map_err(de::Error::custom);
        text.zeroize();
        token
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for SecretToken {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        text_schema("32 bytes as unpadded base64url.", "^[A-Za-z0-9_-]{43}$")
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for SecretToken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_text_round_trips_and_stays_out_of_debug() {
        let token = SecretToken::new(Zeroizing::new([0xfb; 32]));
        let text = token.expose_text();
        assert_eq!(text.len(), 43);
        assert_eq!(
            SecretToken::parse(&text).unwrap().expose_bytes(),
            token.expose_bytes()
        );
        assert_eq!(format!("{token:?}"), "SecretToken(..)");
    }

    #[test]
    fn bytes_stay_out_of_debug() {
        assert_eq!(
            format!("{:?}", Base64Bytes(vec![7; 192])),
            "Base64Bytes(192 bytes)"
        );
    }

    #[test]
    fn padded_short_and_long_tokens_are_refused() {
        for text in [
            "",
            "AA",
            &"A".repeat(42),
            &"A".repeat(44),
            &format!("{}=", "A".repeat(43)),
        ] {
            assert!(SecretToken::parse(text).is_err(), "{text}");
        }
    }
}
