//! The port, on S3.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::Config;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::operation::abort_multipart_upload::AbortMultipartUploadError;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use tokio::sync::OnceCell;

use super::client::Clients;
use super::failure::{defect, failure, has_status};
use super::sign::Signer;
use super::{Dialect, PartBinding, PublicSide, S3Settings, probe};
use crate::blobs::ports::{
    BlobStorage, Done, FINISH_WITHIN, Listed, ListedUpload, SignedGet, SignedPut, StorageError, StoredPart,
    Stores, Upload, UploadId,
};
use crate::blobs::{ObjectKey, Part};
use crate::clock::Clock;

/// A bucket.
pub struct S3Storage {
    pub(super) clients: Clients,
    pub(super) settings: S3Settings,
    url_prefix: String,
    url_lifetime: Duration,
    web_origin: Option<String>,
    clock: Arc<dyn Clock>,
    dialect: OnceCell<Dialect>,
    /// Whether a server that is not good enough is not used.
    strict: bool,
}

/// Why a server is not used.
#[derive(Debug, thiserror::Error)]
#[error("it is not good enough for production: {0}")]
struct Dangers(String);

impl S3Storage {
    /// A bucket, not asked yet. `web_origin` is one that browsers may come from, where there is any.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if no client can be made of the settings.
    pub fn new(
        settings: S3Settings,
        url_lifetime: Duration,
        web_origin: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StorageError> {
        Ok(Self {
            clients: Clients::new(&settings)?,
            url_prefix: settings.url_prefix(),
            settings,
            url_lifetime,
            web_origin,
            clock,
            dialect: OnceCell::new(),
            strict: false,
        })
    }

    /// The same, which signs no address for a server that takes what it should not, whenever that shows: it may be away when the relay
    /// starts.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// What the server does, if it is good enough to be used.
    async fn good_dialect(&self) -> Result<Dialect, StorageError> {
        let dialect = self.dialect().await?;
        let dangers = dialect.dangers();
        if self.strict && !dangers.is_empty() {
            let dangers = Dangers(dangers.join("; "));
            return Err(StorageError::Refused(Box::new(dangers)));
        }
        Ok(dialect)
    }

    /// What the server does of S3, tried once.
    ///
    /// # Errors
    /// When it does not answer, or refuses the credentials: the next call tries again.
    pub async fn dialect(&self) -> Result<Dialect, StorageError> {
        // Boxed: it is large, and every request would carry it.
        let tried = self.dialect.get_or_try_init(|| Box::pin(self.probe()));
        tried.await.copied()
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// When the server does not answer, or does not let us into the bucket.
    pub async fn ping(&self) -> Result<(), StorageError> {
        let request = self.clients.inside.head_bucket().bucket(&self.settings.bucket);
        request.send().await.map_err(failure)?;
        Ok(())
    }

    async fn probe(&self) -> Result<Dialect, StorageError> {
        let origin = self.web_origin.as_deref();
        let dialect = probe::run(&self.clients.inside, &self.settings, origin, self.clock.now()).await?;
        tracing::info!(storage.dialect = %dialect, "the storage of blobs was tried");
        for danger in dialect.dangers() {
            tracing::warn!(
                storage.danger = danger,
                "the storage of blobs is not good enough for production"
            );
        }
        Ok(dialect)
    }

    fn signer(&self) -> Signer<'_> {
        Signer {
            client: &self.clients.public,
            bucket: &self.settings.bucket,
            now: self.clock.now(),
            lifetime: self.url_lifetime,
        }
    }

    async fn complete(&self, upload: &Upload, parts: &[Done]) -> Result<(), StorageError> {
        let parts: Result<Vec<_>, _> = parts.iter().map(completed).collect();
        let list = CompletedMultipartUpload::builder()
            .set_parts(Some(parts?))
            .build();
        // Some servers copy all of it.
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(FINISH_WITHIN / 3)
            .operation_timeout(FINISH_WITHIN)
            .build();
        self.clients
            .inside
            .complete_multipart_upload()
            .bucket(&self.settings.bucket)
            .key(upload.key.to_string())
            .upload_id(&upload.id.0)
            .multipart_upload(list)
            .customize()
            .config_override(Config::builder().timeout_config(timeouts))
            .send()
            .await
            // Some servers answer 403 for an upload that is gone; its parts could be listed a moment ago, so it is not our key.
            .map_err(|error| match has_status(&error, 403) {
                true => StorageError::NoUpload,
                false => failure(error),
            })?;
        Ok(())
    }

    async fn abort(&self, name: &str, upload: &UploadId) -> Result<(), StorageError> {
        let aborted = self
            .clients
            .inside
            .abort_multipart_upload()
            .bucket(&self.settings.bucket)
            .key(name)
            .upload_id(&upload.0)
            .send()
            .await;
        let Err(error) = aborted else { return Ok(()) };
        if error
            .as_service_error()
            .is_some_and(AbortMultipartUploadError::is_no_such_upload)
        {
            return Ok(());
        }
        // Some servers answer 403 for an upload that is gone; then there are no parts either.
        let forbidden = has_status(&error, 403);
        let left = if forbidden {
            self.parts_of(name, upload).await
        } else {
            Ok(Vec::new())
        };
        match (forbidden, left) {
            (true, Err(StorageError::NoUpload)) => Ok(()),
            (true, Ok(parts)) if parts.is_empty() => Ok(()),
            _ => Err(failure(error)),
        }
    }

    /// Tries what clients will meet: the address that is announced to them, as far as it can be reached from here.
    ///
    /// # Errors
    /// When the server does not answer on the inside.
    pub async fn try_public(&self) -> Result<PublicSide, StorageError> {
        // Boxed: it is large.
        Box::pin(probe::run_public(&self.clients, &self.settings, self.clock.now())).await
    }
}

impl BlobStorage for S3Storage {
    fn url_prefix(&self) -> &str {
        &self.url_prefix
    }

    fn begin<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, UploadId> {
        begin(&self.clients.inside, &self.settings.bucket, key.to_string()).boxed()
    }

    fn sign_put<'a>(&'a self, upload: &'a Upload, part: &'a Part) -> Stores<'a, SignedPut> {
        async move {
            // Without any, whoever reads compares the hash of the whole; in production it is refused.
            let binding = self
                .good_dialect()
                .await?
                .binding
                .unwrap_or(PartBinding::Checksum);
            let name = upload.key.to_string();
            self.signer().put_part((&name, &upload.id), part, binding).await
        }
        .boxed()
    }

    fn sign_get<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, SignedGet> {
        async move {
            if self.strict {
                self.good_dialect().await?;
            }
            self.signer().get(&key.to_string()).await
        }
        .boxed()
    }

    fn parts<'a>(&'a self, upload: &'a Upload) -> Stores<'a, Vec<StoredPart>> {
        async move { self.parts_of(&upload.key.to_string(), &upload.id).await }.boxed()
    }

    fn finish<'a>(&'a self, upload: &'a Upload, parts: &'a [Done]) -> Stores<'a, ()> {
        self.complete(upload, parts).boxed()
    }

    fn abandon<'a>(&'a self, name: &'a str, id: &'a UploadId) -> Stores<'a, ()> {
        self.abort(name, id).boxed()
    }

    fn length<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, Option<u64>> {
        length(&self.clients.inside, &self.settings.bucket, key.to_string()).boxed()
    }

    fn remove<'a>(&'a self, name: &'a str) -> Stores<'a, ()> {
        remove(&self.clients.inside, &self.settings.bucket, name).boxed()
    }

    fn list<'a>(&'a self, after: Option<&'a str>) -> Stores<'a, Vec<Listed>> {
        self.list_after(after).boxed()
    }

    fn uploads<'a>(&'a self, after: Option<&'a ListedUpload>) -> Stores<'a, Option<Vec<ListedUpload>>> {
        self.uploads_after(after).boxed()
    }

    fn uploads_of<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, Option<Vec<ListedUpload>>> {
        async move {
            let name = key.to_string();
            let request = self.clients.inside.list_multipart_uploads().prefix(&name);
            let listed = self.list_uploads(request).await?;
            // Not every server knows prefixes of uploads.
            Ok(listed.map(|mut listed| {
                listed.retain(|upload| upload.name == name);
                listed
            }))
        }
        .boxed()
    }
}

pub(super) async fn begin(
    client: &aws_sdk_s3::Client,
    bucket: &str,
    name: String,
) -> Result<UploadId, StorageError> {
    let request = client.create_multipart_upload().bucket(bucket).key(name);
    let request = request.checksum_algorithm(ChecksumAlgorithm::Sha256);
    let begun = request.send().await.map_err(failure)?;
    let id = begun.upload_id().ok_or_else(|| defect(Nameless))?;
    Ok(UploadId(id.to_owned()))
}

pub(super) async fn length(
    client: &aws_sdk_s3::Client,
    bucket: &str,
    name: String,
) -> Result<Option<u64>, StorageError> {
    match client.head_object().bucket(bucket).key(name).send().await {
        Ok(head) => Ok(Some(unsigned(head.content_length()))),
        Err(error) if has_status(&error, 404) => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

pub(super) async fn remove(
    client: &aws_sdk_s3::Client,
    bucket: &str,
    name: &str,
) -> Result<(), StorageError> {
    match client.delete_object().bucket(bucket).key(name).send().await {
        Err(error) if !has_status(&error, 404) => Err(failure(error)),
        _ => Ok(()),
    }
}

pub(super) fn completed(part: &Done) -> Result<CompletedPart, StorageError> {
    Ok(CompletedPart::builder()
        .part_number(i32::try_from(part.number).map_err(defect)?)
        .e_tag(format!("\"{}\"", part.etag))
        .checksum_sha256(STANDARD.encode(part.sha256))
        .build())
}

/// An upload without a name.
#[derive(Debug, thiserror::Error)]
#[error("the server began an upload and gave it no name")]
struct Nameless;

/// What the SDK has as a signed number; one below zero or absent is 0.
pub(super) fn unsigned<N: Default, T: TryInto<N>>(number: Option<T>) -> N {
    number
        .and_then(|number| number.try_into().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::clock::SystemClock;

    fn tried() -> S3Storage {
        let settings = S3Settings::at(Url::parse("http://127.0.0.1:1").unwrap());
        let lifetime = Duration::from_secs(300);
        let storage = S3Storage::new(settings, lifetime, None, Arc::new(SystemClock)).unwrap();
        let no_good = Dialect {
            binding: None,
            refuses_forged: false,
            ..Dialect::GOOD
        };
        storage.dialect.set(no_good).unwrap();
        storage
    }

    #[tokio::test]
    async fn a_server_that_shows_late_to_be_no_good_gets_no_address_signed_in_production() {
        let key = ObjectKey {
            prefix: [1; 16],
            rest: [2; 32],
        };
        let refused = tried().strict(true).sign_get(&key).await;
        assert!(matches!(refused, Err(StorageError::Refused(_))), "{refused:?}");
        tried().sign_get(&key).await.unwrap();
    }

    #[tokio::test]
    async fn every_address_begins_with_what_clients_are_told_in_either_style() {
        let key = ObjectKey {
            prefix: [1; 16],
            rest: [2; 32],
        };
        for (endpoint, path_style, prefix) in [
            ("https://s3.example.org", true, "https://s3.example.org/blobs/"),
            (
                "https://s3.example.org:8443",
                false,
                "https://blobs.s3.example.org:8443/",
            ),
            ("https://example.org/s3/", true, "https://example.org/s3/blobs/"),
            ("https://example.org/s3/", false, "https://blobs.example.org/s3/"),
        ] {
            let settings = S3Settings {
                path_style,
                ..S3Settings::at(Url::parse(endpoint).unwrap())
            };
            assert_eq!(settings.url_prefix(), prefix);
            let lifetime = Duration::from_secs(300);
            let storage = S3Storage::new(settings, lifetime, None, Arc::new(SystemClock)).unwrap();
            storage.dialect.set(Dialect::GOOD).unwrap();
            let get = storage.sign_get(&key).await.unwrap();
            assert!(get.url.starts_with(prefix), "{}", get.url);
            let upload = Upload {
                key,
                id: UploadId("upload".into()),
            };
            let part = Part {
                number: 1,
                length: 5,
                sha256: [3; 32],
            };
            let put = storage.sign_put(&upload, &part).await.unwrap();
            assert!(put.url.starts_with(prefix), "{}", put.url);
        }
    }
}
