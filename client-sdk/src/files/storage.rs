//! Requests to the storage.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_RANGE, ETAG, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Response};
use sealpost_protocol::http::{BlobPartUrl, HttpHeader};
use sealpost_protocol::limits::{MAX_ETAG, STORED_CHUNK};

use super::address::StoragePlace;
use crate::blob::BlobError;
use crate::client::Shared;
use crate::config::ClientConfig;
use crate::error::{Error, Refusal};
use crate::http::{dial, tls};

/// How long the storage may send no byte of an answer.
const MOVES_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a second at which a part may crawl, beside the time in which it has to be answered: three at once on a line of 1 Mbit/s.
const SLOWEST: u64 = 32 * 1024;
/// Headers that a relay may have sent along: nothing that could name a user or a host.
const TAKEN: [&str; 2] = ["x-amz-", "content-type"];

/// The storage that the relay announced. A call asks where it is once, so that all its transfers share connections.
pub(super) struct Storage {
    gets: reqwest::Client,
    /// Its answer begins when all of a part is sent, so it has no limit between two bytes of it.
    puts: reqwest::Client,
    place: StoragePlace,
}

impl Storage {
    /// Asks the relay where it is.
    ///
    /// # Errors
    /// [`Error::Refused`] with `no_blob_storage`; [`Error::Integrity`] for a place that no honest relay names.
    pub(super) async fn of(shared: &Shared) -> Result<Arc<Self>, Error> {
        let announced = shared.api.info().await?.blobs;
        let announced = announced.ok_or_else(|| {
            let code = sealpost_protocol::code::ErrorCode::NoBlobStorage;
            Refusal::new(code.as_str(), code.advice())
        })?;
        Self::at(&announced.url_prefix, &shared.config).map(Arc::new)
    }

    fn at(url_prefix: &str, config: &ClientConfig) -> Result<Self, Error> {
        let place = StoragePlace::parse(url_prefix, &config.relay)?;
        let unusable = |error: reqwest::Error| Error::usage(format!("HTTP cannot be set up: {error}"));
        let tls = tls::client_config(config)?;
        Ok(Self {
            gets: client(tls.clone())
                .read_timeout(MOVES_WITHIN)
                .build()
                .map_err(unusable)?,
            puts: client(tls).build().map_err(unusable)?,
            place,
        })
    }

    /// Puts a part; returns its tag.
    pub(super) async fn put(&self, at: &BlobPartUrl, bytes: Bytes) -> Result<String, Error> {
        let url = self.place.check(&at.url)?;
        let request = self.puts.put(url).headers(headers(&at.headers)?);
        let request = request.timeout(patience(bytes.len())).body(bytes);
        let answer = taken(request.send().await)?;
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        tag.filter(|tag| tag.len() <= MAX_ETAG)
            .map(str::to_owned)
            .ok_or_else(|| Error::network("the storage took a part and gave no tag for it"))
    }

    /// Fetches exactly these bytes of an object that is so long, into an empty buffer.
    ///
    /// # Errors
    /// [`Error::Blob`] for an object of another length: no other attempt makes it right.
    pub(super) async fn get(
        &self,
        url: &str,
        range: Range<u64>,
        of: u64,
        body: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let url = self.place.check(url)?;
        let length = usize::try_from(range.end - range.start).expect("a range is a few MiB");
        let value = format!("bytes={}-{}", range.start, range.end - 1);
        let sent = self.gets.get(url).header(RANGE, value).send().await;
        let mut answer = sent.map_err(network)?;
        check_length(&answer, of)?;
        // Not every server tells the length then: the object ends before the range.
        if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(damaged_behind(range.start).into());
        }
        answer = taken(Ok(answer))?;
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            return Err(Error::network("the storage does not serve parts of objects"));
        }
        body.reserve_exact(length);
        while let Some(bytes) = answer.chunk().await.map_err(network)? {
            if body.len() + bytes.len() > length {
                return Err(Error::network("the storage sends more than was asked for"));
            }
            body.extend_from_slice(&bytes);
        }
        if body.len() < length {
            return Err(Error::network("the storage sends less than was asked for"));
        }
        Ok(())
    }
}

/// How long a part of this length may take, answer included.
fn patience(length: usize) -> Duration {
    MOVES_WITHIN + Duration::from_secs(length as u64 / SLOWEST)
}

fn client(tls: rustls::ClientConfig) -> ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(dial::Resolver { connect_to: None }))
        .connect_timeout(dial::CONNECT_WITHIN)
        .redirect(Policy::none())
        .no_proxy()
}

/// That the object is so long, where the answer tells how long it is: to a range, and to one that lies behind its end.
fn check_length(answer: &Response, of: u64) -> Result<(), BlobError> {
    let told = answer
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    let found = told.and_then(|range| range.rsplit_once('/')?.1.parse::<u64>().ok());
    match found {
        Some(found) if found > of => Err(BlobError::TooLong),
        Some(found) if found < of => Err(damaged_behind(found)),
        _ => Ok(()),
    }
}

/// What an object is that has so many bytes at most.
fn damaged_behind(stored: u64) -> BlobError {
    let whole = stored / STORED_CHUNK as u64;
    let chunk = u32::try_from(whole).unwrap_or(u32::MAX);
    BlobError::Damaged { chunk }
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
