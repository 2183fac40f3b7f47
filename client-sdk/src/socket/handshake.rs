//! The first exchange on a connection: challenge, proof, answer.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use sealpost_protocol::close::CloseCode;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::Incarnation;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use sealpost_protocol::wire::{self, ClientFrame, RelayFrame};
use tokio::time::timeout;

use super::Credentials;
use super::requests::refusal;
use crate::error::Error;
use crate::transport::{Incoming, Link, TransportError};
use crate::weakened::holds;

/// Request id of the Authenticate frame.
pub(super) const AUTHENTICATE_ID: u64 = 1;
const CHALLENGE: usize = 32;
const WITHIN: Duration = Duration::from_secs(15);
const PING_INTERVAL_MS: std::ops::RangeInclusive<u32> = 1_000..=300_000;

/// What the relay said when it accepted the proof.
pub(super) struct Accepted {
    pub(super) incarnation: Incarnation,
    /// How often the relay shows a sign of life at least.
    pub(super) ping_interval: Duration,
}

/// Why a connection could not be used.
pub(super) enum Failure {
    /// Try again, after the wait the relay asked for, if it did.
    Again { error: Error, hint: Option<Duration> },
    /// The session is not accepted; trying again changes nothing.
    Final { reason: &'static str },
}

impl Failure {
    /// What whoever waits for the connection is told.
    pub(super) fn to_error(&self) -> Error {
        match self {
            Self::Again { error, .. } => Error::network(error),
            Self::Final { reason } => Error::NotAuthenticated(reason),
        }
    }
}

/// Proves who this is; the link is then ready for requests.
pub(super) async fn authenticate(
    link: &mut Link,
    credentials: &dyn Credentials,
) -> Result<Accepted, Failure> {
    timeout(WITHIN, exchange(link, credentials))
        .await
        .unwrap_or_else(|_| {
            Err(again(Error::network(
                "the relay did not finish the handshake in time",
            )))
        })
}

async fn exchange(link: &mut Link, credentials: &dyn Credentials) -> Result<Accepted, Failure> {
    let nonce = match next_frame(link).await?.body {
        Some(RelayBody::Challenge(challenge)) if holds(challenge.nonce.len() == CHALLENGE) => challenge.nonce,
        Some(RelayBody::Nack(nack)) => return Err(refused(&nack)),
        _ => return Err(again(Error::alarm("the relay began without a challenge"))),
    };
    let proof = credentials.authenticate(&nonce).await.map_err(unproven)?;
    let frame = ClientFrame {
        request_id: AUTHENTICATE_ID,
        body: Some(ClientBody::Authenticate(proof)),
    };
    link.sink
        .send(Bytes::from(frame.encode_to_vec()))
        .await
        .map_err(|error| closed(&error))?;
    match next_frame(link).await?.body {
        Some(RelayBody::Authenticated(answer)) => accepted(&answer),
        Some(RelayBody::Nack(nack)) => Err(refused(&nack)),
        _ => Err(again(Error::alarm(
            "the relay answered the proof with another frame",
        ))),
    }
}

async fn next_frame(link: &mut Link) -> Result<RelayFrame, Failure> {
    loop {
        match link.stream.next().await {
            Some(Ok(Incoming::Frame(frame))) => {
                return RelayFrame::decode(frame)
                    .map_err(|_| again(Error::alarm("the relay sent a frame that does not parse")));
            }
            Some(Ok(Incoming::Alive)) => {}
            Some(Err(error)) => return Err(closed(&error)),
            None => return Err(again(Error::network("the relay closed the connection"))),
        }
    }
}

fn accepted(answer: &wire::Authenticated) -> Result<Accepted, Failure> {
    let incarnation = Incarnation::try_from(&answer.incarnation[..])
        .map_err(|_| again(Error::alarm("the relay names no incarnation")))?;
    let interval = answer
        .ping_interval_ms
        .clamp(*PING_INTERVAL_MS.start(), *PING_INTERVAL_MS.end());
    Ok(Accepted {
        incarnation,
        ping_interval: Duration::from_millis(interval.into()),
    })
}

fn refused(nack: &wire::Nack) -> Failure {
    let refusal = refusal(nack);
    match refusal.code {
        Some(ErrorCode::NotAuthenticated | ErrorCode::BadSignature) => Failure::Final {
            reason: "the relay does not accept this session; log in again",
        },
        Some(ErrorCode::AccountDisabled) => Failure::Final {
            reason: "the account is disabled; ask the operator of this relay",
        },
        _ => Failure::Again {
            hint: refusal.retry_after,
            error: refusal.into(),
        },
    }
}

/// What a closed connection means for the next attempt.
pub(super) fn closed(error: &TransportError) -> Failure {
    let TransportError::Closed {
        code: Some(code),
        reason,
    } = error
    else {
        return again(Error::network(error));
    };
    // A proof that came too late over a slow network was not looked at.
    let expired = reason == ErrorCode::Expired.as_str();
    if *code == CloseCode::NotAuthenticated.number() && !expired {
        return Failure::Final {
            reason: "the relay does not accept this session; log in again",
        };
    }
    if *code == CloseCode::SessionEnded.number() {
        return Failure::Final {
            reason: "the session was revoked or expired; log in again",
        };
    }
    again(Error::network(error))
}

fn unproven(error: Error) -> Failure {
    match error {
        Error::NotAuthenticated(reason) => Failure::Final { reason },
        error => again(error),
    }
}

pub(super) fn again(error: Error) -> Failure {
    Failure::Again { error, hint: None }
}
