//! Who calls, by the bearer token.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use sealpost_protocol::{code::ErrorCode, http::SecretToken};

use super::{HttpState, failure::Failure};
use crate::{client_address::ClientAddress, directory::AuthenticatedSession};

/// The person who calls an endpoint that needs a session. Agents are refused: what they may do asks for [`AnyCaller`].
pub(super) struct Caller(pub(super) AuthenticatedSession);

/// Who calls an endpoint that is for people and their agents.
pub(super) struct AnyCaller(pub(super) AuthenticatedSession);

/// The agent that calls an endpoint for agents.
pub(super) struct AgentCaller(pub(super) AuthenticatedSession);

impl FromRequestParts<HttpState> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Failure> {
        let AnyCaller(caller) = AnyCaller::from_request_parts(parts, state).await?;
        if caller.is_agent() {
            return Err(Failure::new(ErrorCode::AgentNotAllowed));
        }
        Ok(Self(caller))
    }
}

impl FromRequestParts<HttpState> for AgentCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Failure> {
        let AnyCaller(caller) = AnyCaller::from_request_parts(parts, state).await?;
        if !caller.is_agent() {
            return Err(Failure::new(ErrorCode::NotFound));
        }
        Ok(Self(caller))
    }
}

impl FromRequestParts<HttpState> for AnyCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Failure> {
        let token = token(&parts.headers).ok_or_else(|| Failure::new(ErrorCode::NotAuthenticated))?;
        let address = parts.extensions.get::<ClientAddress>();
        let ClientAddress(address) = *address.ok_or_else(|| Failure::new(ErrorCode::Internal))?;
        Ok(Self(state.directory().authenticate(address, &token).await?))
    }
}

/// The one bearer token of a request (RFC 6750; the scheme's case does not count).
fn token(headers: &HeaderMap) -> Option<SecretToken> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| SecretToken::parse(token).ok())?
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use zeroize::Zeroizing;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn one_bearer_token_counts_and_anything_else_does_not() {
        let text = SecretToken::new(Zeroizing::new([9; 32]))
            .expose_text()
            .to_string();
        let bearer = format!("Bearer {text}");
        assert_eq!(token(&headers(&[&bearer])).unwrap().expose_bytes(), &[9; 32]);
        assert!(token(&headers(&[&format!("bearer {text}")])).is_some());
        let (basic, padded) = (format!("Basic {text}"), format!("Bearer {text}="));
        let others: [&[&str]; 5] = [&[], &[&text], &[&basic], &[&padded], &[&bearer, &bearer]];
        for values in others {
            assert!(token(&headers(values)).is_none(), "{values:?}");
        }
    }
}
