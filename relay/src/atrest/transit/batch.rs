//! Batches of Transit: what vaultrs 0.8 lacks, as an endpoint to be run through its client.
//!
//! Plaintext keys are encoded straight into the request body, which is made in one piece: no text of a key
//! stands anywhere else.

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use rustify::{
    endpoint::Endpoint,
    enums::{RequestMethod, RequestType, ResponseType},
    errors::ClientError as RestError,
};
use serde::{Serialize, Serializer};
use vaultrs::client::{Client, VaultClient};
use zeroize::Zeroizing;

use super::{ciphertext::text_of, failure};
use crate::atrest::key_wrapper::{KeyToUnwrap, KeyToWrap, KeyWrapError};

/// Room for one item in a request body, so that the body need not be moved, and so copied, while it grows.
const ITEM_BYTES: usize = 512;
/// With this, a batch with a bad item is answered item by item.
const PARTIAL_FAILURE_CODE: u16 = 207;

/// What is asked of Transit.
#[derive(Clone, Copy)]
pub(super) enum Questions<'a> {
    /// Wrap these keys.
    Encrypt(&'a [KeyToWrap<'a>]),
    /// Open these keys.
    Decrypt(&'a [&'a KeyToUnwrap<'a>]),
}

impl Questions<'_> {
    fn operation(self) -> &'static str {
        match self {
            Self::Encrypt(_) => "encrypt",
            Self::Decrypt(_) => "decrypt",
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Encrypt(items) => items.len(),
            Self::Decrypt(items) => items.len(),
        }
    }
}

/// A request to one Transit key.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) mount: &'a str,
    pub(super) key_name: &'a str,
    pub(super) questions: Questions<'a>,
}

impl Batch<'_> {
    /// Sends the request. Returns the body of an answer that has a result per item.
    pub(super) async fn send(self, client: &VaultClient) -> Result<Zeroizing<Vec<u8>>, KeyWrapError> {
        match self.with_middleware(client.middle()).exec(client.http()).await {
            Ok(result) => Ok(Zeroizing::new(result.response.into_body())),
            // This is how a batch is answered of which no item is good.
            Err(RestError::ServerResponseError {
                code: 400,
                content: Some(content),
            }) if content.contains(r#""batch_results""#) => Ok(Zeroizing::new(content.into_bytes())),
            Err(error) => Err(failure::from_rest(error)),
        }
    }
}

impl Endpoint for Batch<'_> {
    /// Nothing: rustify's parser would put a body that it cannot parse, keys and all, into its error.
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        format!("{}/{}/{}", self.mount, self.questions.operation(), self.key_name)
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, RestError> {
        let mut body = Vec::with_capacity(ITEM_BYTES * (1 + self.questions.len()));
        let request = Request {
            partial_failure_response_code: PARTIAL_FAILURE_CODE,
            batch_input: self.questions,
        };
        serde_json::to_writer(&mut body, &request)
            .map_err(|error| RestError::DataParseError { source: error.into() })?;
        Ok(Some(body))
    }
}

#[derive(Serialize)]
struct Request<'a> {
    partial_failure_response_code: u16,
    batch_input: Questions<'a>,
}

impl Serialize for Questions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Encrypt(items) => serializer.collect_seq(items.iter().map(EncryptItem::from)),
            Self::Decrypt(items) => serializer.collect_seq(items.iter().copied().map(DecryptItem::from)),
        }
    }
}

#[derive(Serialize)]
struct EncryptItem<'a> {
    plaintext: Base64<'a>,
    associated_data: Base64<'a>,
}

impl<'a> From<&'a KeyToWrap<'_>> for EncryptItem<'a> {
    fn from(item: &'a KeyToWrap<'_>) -> Self {
        Self {
            plaintext: Base64(item.key.expose_bytes()),
            associated_data: Base64(&item.associated_data),
        }
    }
}

#[derive(Serialize)]
struct DecryptItem<'a> {
    /// Empty where it is no text, which Transit refuses.
    ciphertext: &'a str,
    associated_data: Base64<'a>,
}

impl<'a> From<&'a KeyToUnwrap<'_>> for DecryptItem<'a> {
    fn from(item: &'a KeyToUnwrap<'_>) -> Self {
        Self {
            ciphertext: text_of(item.wrapped).unwrap_or_default(),
            associated_data: Base64(&item.associated_data),
        }
    }
}

/// Bytes that are written as base64, piece by piece, without a text of their own.
struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atrest::{data_key::DataKey, key_wrapper::WrappedKey};

    fn body_of(questions: Questions<'_>) -> Vec<u8> {
        let batch = Batch {
            mount: "transit",
            key_name: "relay-atrest",
            questions,
        };
        batch.body().unwrap().unwrap()
    }

    #[test]
    fn keys_are_asked_about_in_base64() {
        let key = DataKey::fill_with(|bytes| bytes.fill(0xff));
        let items = [KeyToWrap {
            associated_data: b"place".to_vec(),
            key: &key,
        }];
        let expected = concat!(
            r#"{"partial_failure_response_code":207,"batch_input":[{"plaintext":"#,
            r#""//////////////////////////////////////////8=","associated_data":"cGxhY2U="}]}"#,
        );
        assert_eq!(
            String::from_utf8(body_of(Questions::Encrypt(&items))).unwrap(),
            expected
        );
    }

    #[test]
    fn a_full_body_is_made_in_one_piece() {
        let wrapped = WrappedKey::from_bytes(vec![b'x'; 120]);
        let items: Vec<_> = (0..super::super::CHUNK_ITEMS)
            .map(|_| KeyToUnwrap {
                associated_data: vec![0; 96],
                wrapped: &wrapped,
            })
            .collect();
        let items: Vec<_> = items.iter().collect();
        let body = body_of(Questions::Decrypt(&items));
        assert_eq!(body.capacity(), ITEM_BYTES * (1 + items.len()));
    }
}
