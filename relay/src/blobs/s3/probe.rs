//! Tries what a server does of S3, with small objects that are removed again.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::CompletedMultipartUpload;
use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ETAG, ORIGIN, RANGE};
use reqwest::{Method, Response, StatusCode};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::client::Clients;
use super::failure::{defect, failure, has_status};
use super::sign::Signer;
use super::storage::{begin, completed, length, remove};
use super::{Dialect, PartBinding, PublicSide, S3Settings};
use crate::blobs::Part;
use crate::blobs::ports::{Done, SignedPut, StorageError, UploadId};

/// What is put, and something else of the same length.
const RIGHT: &[u8] = b"what the relay tries";
const WRONG: &[u8] = b"what nobody has said";
/// For how long the addresses of the trial are good.
const LIFETIME: Duration = Duration::from_secs(60);

/// Tries the server that `client` speaks to. Leaves nothing behind unless it is cut short.
pub(super) async fn run(
    client: &Client,
    settings: &S3Settings,
    web_origin: Option<&str>,
    now: OffsetDateTime,
) -> Result<Dialect, StorageError> {
    let trial = Trial {
        signer: Signer {
            client,
            bucket: &settings.bucket,
            now,
            lifetime: LIFETIME,
        },
        http: http(settings)?,
        // Names that several relays starting at once do not share.
        part: format!("probe/{}-part", now.unix_timestamp_nanos()),
        whole: format!("probe/{}-whole", now.unix_timestamp_nanos()),
    };
    let dialect = trial.dialect(web_origin).await;
    let (part, whole) = (trial.remove(&trial.part).await, trial.remove(&trial.whole).await);
    let dialect = dialect?;
    part?;
    whole?;
    Ok(dialect)
}

struct Trial<'a> {
    signer: Signer<'a>,
    http: reqwest::Client,
    part: String,
    whole: String,
}

impl Trial<'_> {
    async fn dialect(&self, web_origin: Option<&str>) -> Result<Dialect, StorageError> {
        let binding = self.binding().await?;
        let (checks_length, refuses_forged) = self.refusals(binding.unwrap_or(PartBinding::Checksum)).await?;
        let (completes, closes) = self.completes(binding.unwrap_or(PartBinding::Checksum)).await?;
        let get = self.signer.get(&self.part).await?.url;
        let bare = get.split('?').next().unwrap_or_default();
        let range = self.http.get(&get).header(RANGE, "bytes=5-7");
        let range = answered(range.send().await)?;
        Ok(Dialect {
            binding,
            checks_whole: self.checks_whole().await?,
            checks_length,
            refuses_forged,
            refuses_anonymous: !answered(self.http.get(bare).send().await)?.status().is_success(),
            completes,
            serves_ranges: range.status() == StatusCode::PARTIAL_CONTENT && body(range).await? == RIGHT[5..8],
            aborts: self.aborts().await?,
            closes,
            expires: self.expires().await?,
            creates_only: self.creates_only().await?,
            lists_uploads: self.lists_uploads().await?,
            answers_web: self.answers_web(bare, web_origin).await?,
        })
    }

    /// By which header a part is bound to its hash.
    async fn binding(&self) -> Result<Option<PartBinding>, StorageError> {
        for binding in [PartBinding::Checksum, PartBinding::PayloadHash] {
            let upload = self.begin().await?;
            let wrong = self.put(&upload, binding, WRONG).await?;
            let right = self.put(&upload, binding, RIGHT).await?;
            self.abort(&upload).await?;
            if right.status().is_success() && !wrong.status().is_success() {
                return Ok(Some(binding));
            }
        }
        Ok(None)
    }

    /// Whether it refuses a body that is too long, and an address that was changed.
    async fn refusals(&self, binding: PartBinding) -> Result<(bool, bool), StorageError> {
        let upload = self.begin().await?;
        let signed = self.sign(&upload, binding).await?;
        let longer = [RIGHT, b"!"].concat();
        // A server may cut the connection instead of answering: refused, too.
        let longer = self.request(&signed, &signed.url, longer).send().await;
        let forged = self
            .request(&signed, &forge(&signed.url), RIGHT.to_vec())
            .send()
            .await;
        self.abort(&upload).await?;
        let took = |answer: Result<Response, reqwest::Error>| {
            answer.is_ok_and(|answer| answer.status().is_success())
        };
        Ok((!took(longer), !took(forged)))
    }

    /// Whether parts become an object, and whether what was signed for them is dead then.
    async fn completes(&self, binding: PartBinding) -> Result<(bool, bool), StorageError> {
        let upload = self.begin().await?;
        let signed = self.sign(&upload, binding).await?;
        let put = answered(self.request(&signed, &signed.url, RIGHT.to_vec()).send().await)?;
        let etag = put.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        let done = Done {
            number: 1,
            length: RIGHT.len() as u64,
            sha256: Sha256::digest(RIGHT).into(),
            etag: etag.unwrap_or_default().trim_matches('"').to_owned(),
        };
        let list = CompletedMultipartUpload::builder()
            .parts(completed(&done)?)
            .build();
        let request = self.signer.client.complete_multipart_upload();
        let request = request.bucket(self.signer.bucket).key(&self.part);
        request
            .upload_id(&upload.0)
            .multipart_upload(list)
            .send()
            .await
            .map_err(failure)?;
        let late = answered(self.request(&signed, &signed.url, RIGHT.to_vec()).send().await)?;
        let stored = length(self.signer.client, self.signer.bucket, self.part.clone()).await?;
        Ok((stored == Some(RIGHT.len() as u64), !late.status().is_success()))
    }

    /// Whether it refuses what was good until a minute ago.
    async fn expires(&self) -> Result<bool, StorageError> {
        let upload = self.begin().await?;
        let past = Signer {
            now: self.signer.now - 2 * LIFETIME,
            ..self.signer
        };
        let part = right_part();
        let put = past.put_part((&self.part, &upload), &part, PartBinding::Checksum);
        let put = put.await?;
        let put = answered(self.request(&put, &put.url, RIGHT.to_vec()).send().await)?;
        self.abort(&upload).await?;
        let get = past.get(&self.part).await?;
        let get = answered(self.http.get(&get.url).send().await)?;
        Ok(!put.status().is_success() && !get.status().is_success())
    }

    async fn checks_whole(&self) -> Result<bool, StorageError> {
        let expected = (RIGHT.len() as u64, Sha256::digest(RIGHT).into());
        let signed = self.signer.put_whole(&self.whole, expected).await?;
        let wrong = answered(self.request(&signed, &signed.url, WRONG.to_vec()).send().await)?;
        let right = answered(self.request(&signed, &signed.url, RIGHT.to_vec()).send().await)?;
        Ok(right.status().is_success() && !wrong.status().is_success())
    }

    async fn aborts(&self) -> Result<bool, StorageError> {
        let upload = self.begin().await?;
        let signed = self.sign(&upload, PartBinding::Checksum).await?;
        self.abort(&upload).await?;
        let late = answered(self.request(&signed, &signed.url, RIGHT.to_vec()).send().await)?;
        Ok(!late.status().is_success())
    }

    async fn creates_only(&self) -> Result<bool, StorageError> {
        let request = self.signer.client.put_object();
        let request = request
            .bucket(self.signer.bucket)
            .key(&self.whole)
            .if_none_match("*");
        let again = request.body(RIGHT.to_vec().into()).send().await;
        match again {
            Ok(_) => Ok(false),
            Err(error) if has_status(&error, 412) => Ok(true),
            Err(error) if has_status(&error, 501) => Ok(false),
            Err(error) => Err(failure(error)),
        }
    }

    async fn lists_uploads(&self) -> Result<bool, StorageError> {
        let request = self.signer.client.list_multipart_uploads();
        match request.bucket(self.signer.bucket).send().await {
            Ok(_) => Ok(true),
            Err(error) if has_status(&error, 501) => Ok(false),
            Err(error) => Err(failure(error)),
        }
    }

    async fn answers_web(&self, url: &str, origin: Option<&str>) -> Result<Option<bool>, StorageError> {
        let Some(origin) = origin else { return Ok(None) };
        let preflight = self.http.request(Method::OPTIONS, url).header(ORIGIN, origin);
        let preflight = preflight.header("access-control-request-method", "PUT");
        let answer = answered(preflight.send().await)?;
        let allowed = answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN);
        let allowed = allowed.is_some_and(|allowed| allowed == "*" || allowed == origin);
        Ok(Some(answer.status().is_success() && allowed))
    }

    async fn begin(&self) -> Result<UploadId, StorageError> {
        begin(self.signer.client, self.signer.bucket, self.part.clone()).await
    }

    async fn abort(&self, upload: &UploadId) -> Result<(), StorageError> {
        let request = self.signer.client.abort_multipart_upload();
        let request = request.bucket(self.signer.bucket).key(&self.part);
        request.upload_id(&upload.0).send().await.map_err(failure)?;
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), StorageError> {
        remove(self.signer.client, self.signer.bucket, name).await
    }

    /// An address for the right bytes.
    async fn sign(&self, upload: &UploadId, binding: PartBinding) -> Result<SignedPut, StorageError> {
        self.signer
            .put_part((&self.part, upload), &right_part(), binding)
            .await
    }

    async fn put(
        &self,
        upload: &UploadId,
        binding: PartBinding,
        bytes: &'static [u8],
    ) -> Result<Response, StorageError> {
        let signed = self.sign(upload, binding).await?;
        answered(self.request(&signed, &signed.url, bytes.to_vec()).send().await)
    }

    fn request(&self, signed: &SignedPut, url: &str, bytes: Vec<u8>) -> reqwest::RequestBuilder {
        let request = self.http.put(url).body(bytes);
        let headers = signed.headers.iter();
        headers.fold(request, |request, header| {
            request.header(&header.name, &header.value)
        })
    }
}

fn right_part() -> Part {
    Part {
        number: 1,
        length: RIGHT.len() as u64,
        sha256: Sha256::digest(RIGHT).into(),
    }
}

/// Fetches by the address that clients are told: an object of our own, signed, unsigned, and too late.
pub(super) async fn run_public(
    clients: &Clients,
    settings: &S3Settings,
    now: OffsetDateTime,
) -> Result<PublicSide, StorageError> {
    let name = format!("probe/{}-public", now.unix_timestamp_nanos());
    let put = clients.inside.put_object().bucket(&settings.bucket).key(&name);
    put.body(RIGHT.to_vec().into()).send().await.map_err(failure)?;
    let side = public_side(&clients.public, settings, now, &name).await;
    remove(&clients.inside, &settings.bucket, &name).await?;
    side
}

async fn public_side(
    client: &Client,
    settings: &S3Settings,
    now: OffsetDateTime,
    name: &str,
) -> Result<PublicSide, StorageError> {
    let signed_at = |now| Signer {
        client,
        bucket: &settings.bucket,
        now,
        lifetime: LIFETIME,
    };
    let http = http(settings)?;
    let good = signed_at(now).get(name).await?.url;
    let late = signed_at(now - 2 * LIFETIME).get(name).await?.url;
    let bare = good.split('?').next().unwrap_or_default();
    let served = match http.get(&good).send().await {
        Ok(answer) => answer.status().is_success() && body(answer).await? == RIGHT,
        Err(error) => return Ok(PublicSide::Unreachable(reason(&error.without_url()))),
    };
    let mut dangers = Vec::new();
    if !served {
        dangers.push("it does not serve what was signed for it");
    }
    // After what was signed, so that a cache that leaves the signature out shows.
    for (url, danger) in [
        (bare, "anybody can read objects there"),
        (late.as_str(), "it takes addresses that have expired"),
    ] {
        if answered(http.get(url).send().await)?.status().is_success() {
            dangers.push(danger);
        }
    }
    Ok(match dangers.is_empty() {
        true => PublicSide::Serves,
        false => PublicSide::Dangers(dangers),
    })
}

/// The innermost cause.
fn reason(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// The same address with another signature.
fn forge(url: &str) -> String {
    let Some((before, signature)) = url.split_once("X-Amz-Signature=") else {
        return url.to_owned();
    };
    let other = if signature.starts_with('0') { "1" } else { "0" };
    format!("{before}X-Amz-Signature={other}{}", &signature[1..])
}

fn http(settings: &S3Settings) -> Result<reqwest::Client, StorageError> {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(settings.request_timeout);
    let builder = match &settings.ca_pem {
        Some(pem) => builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem).map_err(defect)?),
        // Without TLS no system store of certificates is looked for.
        None if [&settings.endpoint, &settings.public_endpoint]
            .iter()
            .all(|url| url.scheme() == "http") =>
        {
            builder.tls_certs_only([])
        }
        None => builder,
    };
    builder.build().map_err(defect)
}

fn answered(answer: Result<Response, reqwest::Error>) -> Result<Response, StorageError> {
    // The address is a signed one: it has no place in an error.
    answer.map_err(|error| StorageError::Unavailable(Box::new(error.without_url())))
}

async fn body(response: Response) -> Result<Vec<u8>, StorageError> {
    let bytes = response.bytes().await;
    let bytes = bytes.map_err(|error| StorageError::Unavailable(Box::new(error.without_url())))?;
    Ok(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_address_differs_in_the_signature_alone() {
        for signature in ["0abc", "fabc"] {
            let url = format!("http://s3.example.org/b/k?X-Amz-Date=1&X-Amz-Signature={signature}");
            let forged = forge(&url);
            assert_ne!(forged, url);
            assert_eq!(forged.len(), url.len());
            assert!(forged.ends_with("abc"));
        }
    }
}
