//! From errors to RFC 9457 problems. Causes are logged here, once, and never sent.

use std::{error::Error, time::Duration};

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use sealpost_protocol::{code::ErrorCode, http::Problem};

use crate::{
    access::Refusal,
    atrest::DataKeyError,
    blobs::{BlobError, ports::StorageError},
    directory::DirectoryError,
    log::LogError,
    store_failure::StoreFailure,
    telemetry::chain,
};

/// When to come back after an outage whose length nobody knows.
const AFTER_OUTAGE: Duration = Duration::from_secs(2);

/// When to come back if too many new devices wait: some of their codes will be too old then.
const AFTER_CROWD: Duration = Duration::from_secs(60);

/// What a handler returns in the place of an answer.
#[derive(Debug)]
pub(super) struct Failure {
    code: ErrorCode,
    /// The part of the request that is to blame.
    part: Option<&'static str>,
    retry_after: Option<Duration>,
    limit: Option<u64>,
}

/// What a handler returns.
pub(super) type Answer<T> = Result<T, Failure>;

impl Failure {
    pub(super) fn new(code: ErrorCode) -> Self {
        Self {
            code,
            part: None,
            retry_after: None,
            limit: None,
        }
    }

    pub(super) fn malformed(part: &'static str) -> Self {
        Self {
            part: Some(part),
            ..Self::new(ErrorCode::Malformed)
        }
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Self {
            limit: Some(limit as u64),
            ..Self::new(ErrorCode::TooLarge)
        }
    }

    pub(super) fn retry_after(code: ErrorCode, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(code)
        }
    }

    fn problem(&self) -> Problem {
        let advice = self.code.advice();
        Problem {
            code: self.code.as_str().to_owned(),
            title: self.code.as_str().replace('_', " "),
            status: self.code.http_status(),
            detail: self
                .part
                .map_or_else(|| advice.to_owned(), |part| format!("{part}: {advice}")),
            retry_after_ms: self.retry_after.map(milliseconds),
            limit: self.limit,
        }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Malformed(part) => Self::malformed(part),
            DirectoryError::TooLarge { limit, .. } => Self::too_large(limit),
            DirectoryError::NotFound => Self::new(ErrorCode::NotFound),
            DirectoryError::NotAuthenticated => Self::new(ErrorCode::NotAuthenticated),
            DirectoryError::FreshLoginRequired => Self::new(ErrorCode::FreshLoginRequired),
            DirectoryError::LoginFailed => Self::new(ErrorCode::LoginFailed),
            DirectoryError::Expired => Self::new(ErrorCode::Expired),
            DirectoryError::RegistrationClosed => Self::new(ErrorCode::RegistrationClosed),
            DirectoryError::RegistrationTokenInvalid => Self::new(ErrorCode::RegistrationTokenInvalid),
            DirectoryError::HandleTaken => Self::new(ErrorCode::HandleTaken),
            DirectoryError::HandleInvalid => Self::new(ErrorCode::HandleInvalid),
            DirectoryError::KeystoreConflict => Self::new(ErrorCode::KeystoreConflict),
            DirectoryError::StageUnverified => Self::new(ErrorCode::StageUnverified),
            DirectoryError::AccountDisabled => Self::new(ErrorCode::AccountDisabled),
            DirectoryError::PairingCodeInvalid => Self::new(ErrorCode::PairingCodeInvalid),
            DirectoryError::DeviceCodeInvalid => Self::new(ErrorCode::DeviceCodeInvalid),
            DirectoryError::TooManyDeviceRequests => Self::retry_after(ErrorCode::Overloaded, AFTER_CROWD),
            DirectoryError::AgentNameTaken => Self::new(ErrorCode::AgentNameTaken),
            DirectoryError::TooManyAgents { limit } => Self {
                limit: Some(limit as u64),
                ..Self::new(ErrorCode::TooManyAgents)
            },
            DirectoryError::RateLimited { retry_after, .. } => {
                Self::retry_after(ErrorCode::RateLimited, retry_after)
            }
            DirectoryError::QuotaExceeded { limit } => Self {
                limit: Some(limit),
                ..Self::new(ErrorCode::QuotaExceeded)
            },
            DirectoryError::DataKey(error) => error.into(),
            DirectoryError::Store(failure) => failure.into(),
            error @ (DirectoryError::Damaged { .. } | DirectoryError::Internal(_)) => internal(&error),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        // Not louder: strangers decide how often it happens.
        tracing::debug!(error = %refusal, "a request did not get in");
        match refusal {
            Refusal::Denied(_) => Self::new(ErrorCode::AccessDenied),
            Refusal::Unavailable => Self::retry_after(ErrorCode::Overloaded, AFTER_OUTAGE),
        }
    }
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Self {
        let limited = |code, limit| Self {
            limit: Some(limit),
            ..Self::new(code)
        };
        match error {
            BlobError::Malformed(part) => Self::malformed(part),
            BlobError::TooLarge { limit } => limited(ErrorCode::TooLarge, limit),
            BlobError::QuotaExceeded { limit } => limited(ErrorCode::QuotaExceeded, limit),
            BlobError::NotFound => Self::new(ErrorCode::NotFound),
            BlobError::NotPermitted => Self::new(ErrorCode::NotPermitted),
            BlobError::Conflict => Self::new(ErrorCode::BlobConflict),
            BlobError::PartsMismatch => Self::new(ErrorCode::PartsMismatch),
            BlobError::Expired => Self::new(ErrorCode::Expired),
            BlobError::Space(error) => error.into(),
            BlobError::Storage(error) => error.into(),
            BlobError::Ledger(failure) => failure.into(),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let nack = error.to_nack();
        Self {
            retry_after: error.retry_after(),
            limit: Some(nack.limit).filter(|limit| *limit > 0),
            ..Self::new(error.code())
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::Unavailable(_) => {
                tracing::warn!(
                    error = chain(&error),
                    "a request failed for want of the storage of blobs"
                );
                Self::retry_after(ErrorCode::StorageUnavailable, AFTER_OUTAGE)
            }
            StorageError::NoUpload | StorageError::Parts | StorageError::Refused(_) => internal(&error),
        }
    }
}

impl From<DataKeyError> for Failure {
    fn from(error: DataKeyError) -> Self {
        let code = match &error {
            error if error.is_outage() => ErrorCode::KmsUnavailable,
            DataKeyError::Store(_) | DataKeyError::Aborted => ErrorCode::Overloaded,
            DataKeyError::KeyService(_) | DataKeyError::Missing => return internal(&error),
        };
        tracing::warn!(error = chain(&error), "a request failed for want of a data key");
        Self::retry_after(code, AFTER_OUTAGE)
    }
}

impl From<StoreFailure> for Failure {
    fn from(failure: StoreFailure) -> Self {
        match &failure {
            StoreFailure::Unavailable(_) | StoreFailure::Conflict(_) => {
                tracing::warn!(
                    error = chain(&failure),
                    "a request failed for want of the database"
                );
                Self::retry_after(ErrorCode::Overloaded, AFTER_OUTAGE)
            }
            StoreFailure::CommitUnknown(_)
            | StoreFailure::RowCount { .. }
            | StoreFailure::Malformed(_)
            | StoreFailure::Internal(_) => internal(&failure),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let body = serde_json::to_vec(&problem).expect("a problem is plain data");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(problem.status).expect("every code has a valid HTTP status");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(retry_after) = self.retry_after {
            headers.insert(
                RETRY_AFTER,
                HeaderValue::from(milliseconds(retry_after).div_ceil(1000)),
            );
        }
        if self.code == ErrorCode::NotAuthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn internal(error: &dyn Error) -> Failure {
    tracing::error!(error = chain(error), "a request failed inside");
    Failure::new(ErrorCode::Internal)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
