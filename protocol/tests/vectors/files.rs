//! Reading the files.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// Bytes as lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hex(pub Bytes);

impl Hex {
    /// As an array, which the file says it is.
    pub fn array<const N: usize>(&self) -> [u8; N] {
        self.0[..].try_into().unwrap()
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert_eq!(text, text.to_lowercase());
        Ok(Self(hex::decode(text).unwrap().into()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<V> {
    #[serde(rename = "about")]
    _about: String,
    vectors: Vec<V>,
}

/// The vectors of one file; there are at least two.
pub fn read<V: DeserializeOwned>(name: &str) -> Vec<V> {
    let path = format!("{}/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let file: File<V> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(file.vectors.len() > 1, "{name}");
    file.vectors
}
