//! Reads the answers to a batch. Keys are decoded straight out of the body, which the caller wipes.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};
use zeroize::Zeroizing;

use super::{ciphertext::version_of, failure};
use crate::atrest::{
    data_key::DataKey,
    key_wrapper::{KeyWrapError, WrappedKey},
};

/// A wrapped key and the version of the wrapping key that it is under.
pub(super) struct Encrypted {
    pub(super) wrapped: WrappedKey,
    pub(super) key_version: u32,
}

/// The answers to a batch of encryptions, one per item, in their order.
pub(super) fn encrypted(
    body: &[u8],
    items: usize,
) -> Result<Vec<Result<Encrypted, KeyWrapError>>, KeyWrapError> {
    Ok(parse::<EncryptResult>(body, items)?
        .into_iter()
        .map(EncryptResult::into_answer)
        .collect())
}

/// The answers to a batch of decryptions, one per item, in their order.
pub(super) fn decrypted(
    body: &[u8],
    items: usize,
) -> Result<Vec<Result<DataKey, KeyWrapError>>, KeyWrapError> {
    Ok(parse::<DecryptResult>(body, items)?
        .into_iter()
        .map(DecryptResult::into_answer)
        .collect())
}

#[derive(Deserialize)]
struct Body<R> {
    data: Data<R>,
}

#[derive(Deserialize)]
struct Data<R> {
    batch_results: Vec<R>,
}

/// The parser's own error may quote the body, so it is dropped.
fn parse<R: DeserializeOwned>(body: &[u8], items: usize) -> Result<Vec<R>, KeyWrapError> {
    let body: Body<R> = serde_json::from_slice(body).map_err(|_| failure::not_an_answer())?;
    match body.data.batch_results.len() == items {
        true => Ok(body.data.batch_results),
        false => Err(failure::not_an_answer()),
    }
}

#[derive(Deserialize)]
struct EncryptResult {
    #[serde(default)]
    ciphertext: String,
    #[serde(default)]
    error: String,
}

impl EncryptResult {
    fn into_answer(self) -> Result<Encrypted, KeyWrapError> {
        if !self.error.is_empty() {
            return Err(failure::from_item(&self.error));
        }
        let wrapped = WrappedKey::from_bytes(self.ciphertext.into_bytes());
        let key_version = version_of(&wrapped).ok_or_else(failure::not_an_answer)?;
        Ok(Encrypted { wrapped, key_version })
    }
}

#[derive(Deserialize)]
struct DecryptResult {
    #[serde(default)]
    plaintext: Plaintext,
    #[serde(default)]
    error: String,
}

impl DecryptResult {
    fn into_answer(self) -> Result<DataKey, KeyWrapError> {
        if !self.error.is_empty() {
            return Err(failure::from_item(&self.error));
        }
        self.plaintext
            .0
            .ok_or(KeyWrapError::Corrupt("not the length of a key".into()))
    }
}

/// A data key, decoded from base64; `None` for what cannot be one.
#[derive(Default)]
struct Plaintext(Option<DataKey>);

impl<'de> Deserialize<'de> for Plaintext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PlaintextVisitor)
    }
}

struct PlaintextVisitor;

impl Visitor<'_> for PlaintextVisitor {
    type Value = Plaintext;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key in base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Plaintext, E> {
        // What base64 decodes at a time is a little more than a key.
        let mut bytes = Zeroizing::new([0; 48]);
        let length = STANDARD.decode_slice(text, &mut *bytes).unwrap_or(0);
        Ok(Plaintext(DataKey::try_from_slice(&bytes[..length])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(results: &str) -> Vec<u8> {
        format!(r#"{{"request_id":"x","data":{{"batch_results":[{results}]}},"auth":null}}"#).into_bytes()
    }

    fn corrupt<T>(text: &'static str) -> Result<T, KeyWrapError> {
        Err(KeyWrapError::Corrupt(text.into()))
    }

    /// As OpenBao 2.7.2 answered.
    #[test]
    fn each_item_has_its_own_answer() {
        let results = concat!(
            r#"{"plaintext":"//////////////////////////////////////////8=","reference":""},"#,
            r#"{"plaintext":"","error":"cipher: message authentication failed","reference":""},"#,
            r#"{"plaintext":"","error":"invalid ciphertext: version is too new","reference":""}"#,
        );
        let answers = decrypted(&body(results), 3).unwrap();
        let shown: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.map(|key| *key.expose_bytes()))
            .collect();
        let too_new = corrupt("invalid ciphertext: version is too new");
        assert_eq!(
            shown,
            [
                Ok([0xff; 32]),
                corrupt("cipher: message authentication failed"),
                too_new
            ]
        );
    }

    #[test]
    fn a_plaintext_that_is_no_key_is_corrupt() {
        for text in ["", "AAAA", "not base64!", &"A".repeat(44), &"A".repeat(400)] {
            let answers = decrypted(&body(&format!(r#"{{"plaintext":"{text}"}}"#)), 1).unwrap();
            assert_eq!(
                answers[0].as_ref().err(),
                corrupt::<()>("not the length of a key").as_ref().err()
            );
        }
    }

    #[test]
    fn a_wrapped_key_tells_its_version() {
        let answers = encrypted(&body(r#"{"ciphertext":"vault:v12:YWJj","key_version":12}"#), 1).unwrap();
        let answer = answers.into_iter().next().unwrap().unwrap();
        assert_eq!(
            (answer.wrapped.as_bytes(), answer.key_version),
            (&b"vault:v12:YWJj"[..], 12)
        );
    }

    #[test]
    fn too_few_or_too_many_answers_are_none() {
        for items in [0, 2] {
            assert!(decrypted(&body(r#"{"plaintext":""}"#), items).is_err());
        }
    }

    #[test]
    fn no_error_quotes_the_body() {
        for body in [
            r#"{"data":{"batch_results":["secret"]}}"#,
            r#"{"data":"secret"}"#,
            "secret",
        ] {
            let error = decrypted(body.as_bytes(), 1).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }
}
