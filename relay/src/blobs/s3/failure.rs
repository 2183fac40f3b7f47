//! From the SDK's errors to what a caller can do about them.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::blobs::ports::StorageError;

/// Codes that say that an upload's parts are not what was said of them.
const OF_PARTS: [&str; 5] = [
    "InvalidPart",
    "InvalidPartOrder",
    "EntityTooSmall",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
];

/// For `map_err`.
pub(super) fn failure<E>(error: SdkError<E, HttpResponse>) -> StorageError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default();
    if code == "NoSuchUpload" {
        return StorageError::NoUpload;
    }
    if OF_PARTS.contains(&code) {
        return StorageError::Parts;
    }
    if may_pass(&error) {
        return StorageError::Unavailable(Box::new(error));
    }
    StorageError::Refused(Box::new(error))
}

/// For a request that was never made: a defect, or a configuration that no request can be made of.
pub(super) fn defect(error: impl Error + Send + Sync + 'static) -> StorageError {
    StorageError::Refused(Box::new(error))
}

/// Whether the server has answered with this status.
pub(super) fn has_status<E>(error: &SdkError<E, HttpResponse>, status: u16) -> bool {
    error
        .raw_response()
        .is_some_and(|response| response.status().as_u16() == status)
}

fn may_pass<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            // 501 stays 501.
            status == 429 || (status >= 500 && status != 501)
        }
        _ => false,
    }
}
