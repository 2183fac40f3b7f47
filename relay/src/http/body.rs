//! JSON bodies in and out.

use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

use super::{failure::Failure, settings::MAX_BODY};

/// The JSON body of a request. Why it does not parse is not told: the parser's words quote the body.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Json(value) = Json::from_request(request, state)
            .await
            .map_err(|error| refusal(&error))?;
        Ok(Self(value))
    }
}

fn refusal(error: &JsonRejection) -> Failure {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::too_large(MAX_BODY),
        _ => Failure::malformed("the JSON body"),
    }
}
