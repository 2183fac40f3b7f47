//! Where the bytes are.

use std::error::Error;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::http::HttpHeader;
use time::OffsetDateTime;

use crate::blobs::{ObjectKey, Part};

/// Why the storage did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// It does not answer, or has too much to do.
    #[error("the storage of blobs is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It knows no such upload: completed, or abandoned.
    #[error("the storage of blobs has no such upload")]
    NoUpload,
    /// It does not take these parts.
    #[error("the storage of blobs does not take these parts")]
    Parts,
    /// It refuses: its configuration, ours, or a defect.
    #[error("the storage of blobs refuses")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

/// How long a storage may take to make an object, and tries to, whether anybody still waits for it or not.
pub const FINISH_WITHIN: Duration = Duration::from_secs(30 * 60);

/// What a method of a storage returns.
pub type Stores<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

/// The storage's name of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadId(pub String);

/// An upload that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The object that it will become.
    pub key: ObjectKey,
    /// Its name.
    pub id: UploadId,
}

/// Where a part can be put, until it expires.
#[derive(Clone, Debug)]
pub struct SignedPut {
    /// The address.
    pub url: String,
    /// What the signature binds beside it; the `Host` and `Content-Length` of any client are left out.
    pub headers: Vec<HttpHeader>,
    /// Until when.
    pub expires_at: OffsetDateTime,
}

/// Where an object can be fetched, until it expires.
#[derive(Clone, Debug)]
pub struct SignedGet {
    /// The address.
    pub url: String,
    /// Until when.
    pub expires_at: OffsetDateTime,
}

/// A part that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPart {
    /// Its number.
    pub number: u32,
    /// Its length.
    pub length: u64,
    /// Its tag, where the storage tells it.
    pub etag: Option<String>,
}

/// A part that somebody says is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its number.
    pub number: u32,
    /// Its length.
    pub length: u64,
    /// Its hash.
    pub sha256: Digest32,
    /// Its tag, without quotes.
    pub etag: String,
}

/// An object of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, whatever it is.
    pub name: String,
    /// Its length.
    pub length: u64,
    /// When it was written, where the storage tells.
    pub written_at: Option<OffsetDateTime>,
}

/// An upload of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUpload {
    /// The object's name.
    pub name: String,
    /// The upload.
    pub id: UploadId,
    /// When it began, where the storage tells.
    pub begun_at: Option<OffsetDateTime>,
}

/// A bucket.
pub trait BlobStorage: Send + Sync {
    /// What every address begins with.
    fn url_prefix(&self) -> &str;

    /// Begins an upload.
    fn begin<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, UploadId>;

    /// Signs where this one part, with this length and hash, can be put.
    fn sign_put<'a>(&'a self, upload: &'a Upload, part: &'a Part) -> Stores<'a, SignedPut>;

    /// Signs where an object can be fetched.
    fn sign_get<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, SignedGet>;

    /// The parts that are there, by number.
    fn parts<'a>(&'a self, upload: &'a Upload) -> Stores<'a, Vec<StoredPart>>;

    /// Makes an object of these parts, or gives it up within [`FINISH_WITHIN`].
    fn finish<'a>(&'a self, upload: &'a Upload, parts: &'a [Done]) -> Stores<'a, ()>;

    /// Ends an upload of an object, whatever its name is, and removes its parts. One that is gone is fine.
    fn abandon<'a>(&'a self, name: &'a str, id: &'a UploadId) -> Stores<'a, ()>;

    /// The length of an object; `None` if there is none.
    fn length<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, Option<u64>>;

    /// Removes an object. One that is gone is fine.
    fn remove<'a>(&'a self, name: &'a str) -> Stores<'a, ()>;

    /// Objects with names above `after`, in the order of their names: a page, empty at the end. A storage that lists anything else is
    /// refused, so that a list always ends.
    fn list<'a>(&'a self, after: Option<&'a str>) -> Stores<'a, Vec<Listed>>;

    /// Uploads that go on, those behind `after` in the order of their names: a page, empty at the end; `None` where the storage cannot
    /// tell.
    fn uploads<'a>(&'a self, after: Option<&'a ListedUpload>) -> Stores<'a, Option<Vec<ListedUpload>>>;

    /// Uploads of this object that go on, up to a page of them; `None` where the storage cannot tell.
    fn uploads_of<'a>(&'a self, key: &'a ObjectKey) -> Stores<'a, Option<Vec<ListedUpload>>>;
}
