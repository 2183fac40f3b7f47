//! Error answers become errors.

use std::time::Duration;

use reqwest::StatusCode;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::Problem;

use crate::error::{Error, Refusal};

/// The error that an answer with this status and body stands for.
pub(super) fn to_error(status: StatusCode, body: &[u8]) -> Error {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => from_problem(&problem),
        Err(_) => from_status(status),
    }
}

fn from_problem(problem: &Problem) -> Error {
    match problem.code.parse() {
        Ok(ErrorCode::NotAuthenticated) => Error::NotAuthenticated(ErrorCode::NotAuthenticated.advice()),
        Ok(ErrorCode::LoginFailed) => Error::NotAuthenticated(ErrorCode::LoginFailed.advice()),
        _ => Refusal {
            retry_after: problem.retry_after_ms.map(Duration::from_millis),
            limit: problem.limit,
            ..Refusal::new(&problem.code, &problem.detail)
        }
        .into(),
    }
}

/// Something that is no Sealpost relay has answered: a gateway, a proxy, a captive portal.
fn from_status(status: StatusCode) -> Error {
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Error::network(format!("the relay's gateway answers {status}"));
    }
    let message = if status.is_redirection() {
        "the URL leads elsewhere; redirects are not followed"
    } else {
        "the answer is not a Sealpost relay's; check the URL and the gateway's headers"
    };
    Refusal::new(&format!("http_{}", status.as_u16()), message).into()
}
