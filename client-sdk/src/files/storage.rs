//! Requests to the storage.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ETAG, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::Response;
use reqwest::redirect::Policy;
use sealpost_protocol::http::{BlobPartUrl, HttpHeader};
use sealpost_protocol::limits::MAX_ETAG;

use super::address::StoragePlace;
use crate::client::Shared;
use crate::config::ClientConfig;
use crate::error::{Error, Refusal};
use crate::http::{dial, tls};

/// How long the storage may take no byte and send none.
const MOVES_WITHIN: Duration = Duration::from_secs(30);
/// Headers that a relay may have sent along: nothing that could name a user or a host.
const TAKEN: [&str; 2] = ["x-amz-", "content-type"];

/// The storage that the relay announced.
pub(super) struct Storage {
    client: reqwest::Client,
    place: StoragePlace,
}

impl Storage {
    /// Asks the relay where it is.
    ///
    /// # Errors
    /// [`Error::Refused`] with `no_blob_storage`; [`Error::Integrity`] for a place that no honest relay names.
    pub(super) async fn of(shared: &Shared) -> Result<Self, Error> {
        let announced = shared.api.info().await?.blobs;
        let announced = announced.ok_or_else(|| {
            let code = sealpost_protocol::code::ErrorCode::NoBlobStorage;
            Refusal::new(code.as_str(), code.advice())
        })?;
        Self::at(&announced.url_prefix, &shared.config)
    }

    fn at(url_prefix: &str, config: &ClientConfig) -> Result<Self, Error> {
        let place = StoragePlace::parse(url_prefix, &config.relay)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(config)?)
            .dns_resolver(Arc::new(dial::Resolver { connect_to: None }))
            .connect_timeout(dial::CONNECT_WITHIN)
            .read_timeout(MOVES_WITHIN)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Error::usage(format!("HTTP cannot be set up: {error}")))?;
        Ok(Self { client, place })
    }

    /// Puts a part; returns its tag.
    pub(super) async fn put(&self, at: &BlobPartUrl, bytes: Bytes) -> Result<String, Error> {
        let url = self.place.check(&at.url)?;
        let request = self.client.put(url).headers(headers(&at.headers)?).body(bytes);
        let answer = taken(request.send().await)?;
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        tag.filter(|tag| tag.len() <= MAX_ETAG)
            .map(str::to_owned)
            .ok_or_else(|| Error::network("the storage took a part and gave no tag for it"))
    }

    /// Fetches exactly these bytes of an object.
    pub(super) async fn get(&self, url: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let url = self.place.check(url)?;
        let length = usize::try_from(range.end - range.start).expect("a range is a few MiB");
        let value = format!("bytes={}-{}", range.start, range.end - 1);
        let mut answer = taken(self.client.get(url).header(RANGE, value).send().await)?;
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            return Err(Error::network("the storage does not serve parts of objects"));
        }
        let mut body = BytesMut::with_capacity(length);
        while let Some(bytes) = answer.chunk().await.map_err(network)? {
            if body.len() + bytes.len() > length {
                return Err(Error::network("the storage sends more than was asked for"));
            }
            body.extend_from_slice(&bytes);
        }
        if body.len() < length {
            return Err(Error::network("the storage sends less than was asked for"));
        }
        Ok(body.freeze())
    }
}

/// A status that is no success. Any may pass with another address: it has expired, or the storage is busy.
fn taken(answer: reqwest::Result<Response>) -> Result<Response, Error> {
    let answer = answer.map_err(network)?;
    match answer.status() {
        status if status.is_success() => Ok(answer),
        StatusCode::NOT_FOUND => Err(Refusal::new("not_found", "the storage has no such object").into()),
        status if status.is_redirection() => Err(Error::alarm("the storage leads elsewhere")),
        status => Err(Error::network(format!("the storage answers {status}"))),
    }
}

fn headers(given: &[HttpHeader]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for header in given {
        let ours = TAKEN.iter().any(|taken| header.name.starts_with(taken));
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .ok()
            .filter(|_| ours);
        let value = HeaderValue::from_str(&header.value).ok();
        let (Some(name), Some(value)) = (name, value) else {
            return Err(Error::alarm("the relay asks for a header that no storage needs"));
        };
        headers.append(name, value);
    }
    Ok(headers)
}

/// The innermost cause, without the address: that is signed.
fn network(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Error::network(format!("the storage cannot be reached: {cause}"))
}

#[cfg(test)]
mod tests;
