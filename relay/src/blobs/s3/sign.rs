//! Addresses that are good for one thing, for a while.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealpost_protocol::http::HttpHeader;
use time::OffsetDateTime;

use super::PartBinding;
use super::failure::{defect, failure};
use crate::blobs::Part;
use crate::blobs::ports::{SignedGet, SignedPut, StorageError, UploadId};

/// Header with the payload's hash, which some servers compare where they do not compare the checksum.
const PAYLOAD_HASH: &str = "x-amz-content-sha256";

/// Signs for one endpoint.
pub(super) struct Signer<'a> {
    pub(super) client: &'a Client,
    pub(super) bucket: &'a str,
    pub(super) now: OffsetDateTime,
    pub(super) lifetime: Duration,
}

impl Signer<'_> {
    pub(super) async fn put_part(
        &self,
        (name, upload): (&str, &UploadId),
        part: &Part,
        binding: PartBinding,
    ) -> Result<SignedPut, StorageError> {
        let request = self
            .client
            .upload_part()
            .bucket(self.bucket)
            .key(name)
            .upload_id(&upload.0)
            .part_number(i32::try_from(part.number).map_err(defect)?)
            .content_length(i64::try_from(part.length).map_err(defect)?)
            .checksum_sha256(STANDARD.encode(part.sha256))
            .customize();
        let request = match binding {
            PartBinding::Checksum => request,
            PartBinding::PayloadHash => {
                let hash = hex::encode(part.sha256);
                request.mutate_request(move |request| {
                    request.headers_mut().insert(PAYLOAD_HASH, hash.clone());
                })
            }
        };
        let signed = request.presigned(self.terms()?).await.map_err(failure)?;
        Ok(self.put_of(&signed))
    }

    /// A whole object, which only the probe puts.
    pub(super) async fn put_whole(
        &self,
        name: &str,
        (length, sha256): (u64, [u8; 32]),
    ) -> Result<SignedPut, StorageError> {
        let request = self
            .client
            .put_object()
            .bucket(self.bucket)
            .key(name)
            .content_length(i64::try_from(length).map_err(defect)?)
            .checksum_sha256(STANDARD.encode(sha256));
        let signed = request.presigned(self.terms()?).await.map_err(failure)?;
        Ok(self.put_of(&signed))
    }

    pub(super) async fn get(&self, name: &str) -> Result<SignedGet, StorageError> {
        let request = self.client.get_object().bucket(self.bucket).key(name);
        let signed = request.presigned(self.terms()?).await.map_err(failure)?;
        Ok(SignedGet {
            url: signed.uri().to_owned(),
            expires_at: self.now + self.lifetime,
        })
    }

    fn terms(&self) -> Result<PresigningConfig, StorageError> {
        PresigningConfig::builder()
            .start_time(SystemTime::from(self.now))
            .expires_in(self.lifetime)
            .build()
            .map_err(defect)
    }

    fn put_of(&self, signed: &PresignedRequest) -> SignedPut {
        let headers = signed.headers().filter(|(name, _)| !is_of_transport(name));
        SignedPut {
            url: signed.uri().to_owned(),
            headers: headers
                .map(|(name, value)| HttpHeader {
                    name: name.to_ascii_lowercase(),
                    value: value.to_owned(),
                })
                .collect(),
            expires_at: self.now + self.lifetime,
        }
    }
}

/// What every HTTP client sends by itself.
fn is_of_transport(name: &str) -> bool {
    ["host", "content-length"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
}
