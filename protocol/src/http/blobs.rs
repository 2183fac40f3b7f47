use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Base64Bytes;
use crate::ids::{BlobId, SpaceId};

/// Where blobs are stored, as the relay announces it. Clients send nothing to, and take nothing from, anywhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobStorage {
    /// What every address of a blob begins with: scheme, host, and the path down to the bucket, with a slash at the end.
    pub url_prefix: String,
    /// For how long an address is good, in seconds.
    pub url_lifetime_seconds: u64,
}

/// Reserves room for a blob, or more room for one whose upload goes on. The same request again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobReserve {
    /// The space whose members may read it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub space_id: SpaceId,
    /// The blob.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub blob_id: BlobId,
    /// The length of all parts but the last, which may be shorter: 5 MiB to 256 MiB. It stays as it was said first.
    pub part_bytes: u64,
    /// How many bytes will be stored in all, or at least so far.
    pub bytes: u64,
}

/// Answer to [`BlobReserve`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobReserved {
    /// How many bytes are reserved now.
    pub bytes: u64,
}

/// Asks where parts of a blob are to be put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobPartsRequest {
    /// The parts, up to 32.
    pub parts: Vec<BlobPart>,
}

/// A part of a blob's stored bytes, within those that are reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobPart {
    /// 1 to 10,000, in the order of the bytes.
    pub number: u32,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its bytes.
    pub sha256: Base64Bytes,
}

/// Answer to [`BlobPartsRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobPartUrls {
    /// One for each part, in the order of the request.
    pub parts: Vec<BlobPartUrl>,
}

/// Where one part is to be put, by PUT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobPartUrl {
    /// The part's number.
    pub number: u32,
    /// The address.
    pub url: String,
    /// Headers to be sent with it, exactly as they are.
    pub headers: Vec<HttpHeader>,
    /// From when on it is refused.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// One header of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HttpHeader {
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Says that all parts are there. The same request again gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobComplete {
    /// All parts, in order.
    pub parts: Vec<BlobPartDone>,
    /// How many bytes are stored in all.
    pub bytes: u64,
    /// SHA-256 of all stored bytes.
    pub sha256: Base64Bytes,
}

/// A part that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobPartDone {
    /// 1, 2, 3 ...
    pub number: u32,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its bytes.
    pub sha256: Base64Bytes,
    /// The `ETag` that the storage answered.
    pub etag: String,
}

/// Names the event that refers to a blob. What no event refers to is deleted after a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobReferenced {
    /// Its place in the space. The blob stays as long as its content does; the highest place that was named counts.
    pub seq: u64,
}

/// Where a blob can be fetched, by GET, in whole or by range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobDownload {
    /// The address.
    pub url: String,
    /// How many bytes are stored.
    pub bytes: u64,
    /// SHA-256 of all stored bytes, as its author told it. A hint: the reference in the message counts.
    pub sha256: Base64Bytes,
    /// From when on the address is refused.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}
