//! Who opened the socket: a challenge, a session token, and a signature by the principal's key over both.

use std::net::IpAddr;

use bytes::Bytes;
use sealpost_protocol::close::CloseCode;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::SecretToken;
use sealpost_protocol::ids::{PrincipalId, SessionId, WriterId};
use sealpost_protocol::limits;
use sealpost_protocol::socket::SocketProof;
use sealpost_protocol::wire::{self, client_frame, relay_frame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::admission::{Holder, Slot};
use super::close::{Close, End};
use super::frame::{decode, encode};
use super::link::{Link, LinkEvent, Received};
use super::registry::Registration;
use super::service::Shared;
use super::sessions::{LiveSession, Unavailable};
use crate::spaces::{AuthenticatedPrincipal, Party};

/// Length of a challenge, in bytes.
const NONCE: usize = 32;

/// A socket whose client has proved who it is.
pub struct Authenticated {
    /// Who.
    pub principal: AuthenticatedPrincipal,
    /// Under which login, and for how long yet.
    pub session: LiveSession,
    /// Its place among the open sockets.
    pub registration: Registration,
    /// Request id of the Authenticate frame.
    pub request_id: u64,
}

/// What the client claims, not yet believed.
struct Claim {
    token: SecretToken,
    session_id: SessionId,
    principal_id: PrincipalId,
    writer_id: WriterId,
    signature: Bytes,
}

/// Challenges the client and checks its answer.
///
/// # Errors
/// The socket's [`End`].
pub async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    link: &mut Link<S>,
    slot: &mut Slot,
    shared: &Shared,
) -> Result<Authenticated, End> {
    let nonce = challenge(link, shared);
    let late = shared.settings.authenticate_within();
    let message = timeout(late, first_message(link))
        .await
        .map_err(|_elapsed| EXPIRED)??;
    let frame = decode(message)?;
    let claim = parse(frame.body).ok_or(REFUSED)?;
    // From here on it is our own time: a client must not be told to log in because a database is slow.
    let admitted = timeout(late, admit(slot, shared, claim, &nonce)).await;
    let (principal, session, registration) = admitted.map_err(|_elapsed| TOO_BUSY)??;
    Ok(Authenticated {
        principal,
        session,
        registration,
        request_id: frame.request_id,
    })
}

/// Looks the client's claim up, and gives the socket its place.
async fn admit(
    slot: &mut Slot,
    shared: &Shared,
    claim: Claim,
    nonce: &[u8; NONCE],
) -> Result<(AuthenticatedPrincipal, LiveSession, Registration), End> {
    let session = find_session(shared, slot.address(), &claim).await?;
    slot.open_for(holder(&session)).map_err(|_| TOO_MANY)?;
    let principal = prove(shared, &claim, nonce, &session).await?;
    slot.authenticate(holder(&session)).map_err(|_| TOO_MANY)?;
    let registration = shared
        .registry
        .register(session.session_id, session.party.account_id());
    // Whatever ended the session before it was registered did not find this socket, but the directory knows.
    let ended = shared.directory.ended(&[session.session_id]).await?;
    if !ended.is_empty() {
        return Err(REFUSED.into());
    }
    Ok((principal, session, registration))
}

/// Each agent has places of its own, so that one of them keeps neither the others nor their owner out.
fn holder(session: &LiveSession) -> Holder {
    match session.party {
        Party::Person(account) => Holder::Person(account),
        Party::AgentsOf(_) => Holder::Agent(session.principal_id),
    }
}

/// One answer for every reason, so that it tells a stranger nothing.
const REFUSED: Close = Close::because(CloseCode::NotAuthenticated, ErrorCode::NotAuthenticated);

/// Whoever it is has too many sockets, or opens them too fast.
const TOO_MANY: Close = Close::because(CloseCode::Policy, ErrorCode::RateLimited);
/// The client's first frame did not come in time.
const EXPIRED: Close = Close::because(CloseCode::NotAuthenticated, ErrorCode::Expired);
/// We did not find out in time who it is.
const TOO_BUSY: Close = Close::because(CloseCode::Overloaded, ErrorCode::Overloaded);

fn challenge<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>, shared: &Shared) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    shared.entropy.fill(&mut nonce);
    let challenge = wire::Challenge {
        nonce: Bytes::copy_from_slice(&nonce),
    };
    link.push(encode(0, relay_frame::Body::Challenge(challenge)));
    nonce
}

async fn first_message<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>) -> Result<Bytes, End> {
    loop {
        if let LinkEvent::Received(Received::Message(message)) = link.next(true).await? {
            return check_length(message);
        }
    }
}

fn check_length(message: Bytes) -> Result<Bytes, End> {
    if message.len() > limits::MAX_AUTHENTICATE_FRAME {
        return Err(Close::because(CloseCode::TooLarge, ErrorCode::TooLarge).into());
    }
    Ok(message)
}

fn parse(body: Option<client_frame::Body>) -> Option<Claim> {
    let Some(client_frame::Body::Authenticate(frame)) = body else {
        return None;
    };
    Some(Claim {
        token: SecretToken::new(Zeroizing::new(frame.session_token[..].try_into().ok()?)),
        session_id: SessionId::try_from(&frame.session_id[..]).ok()?,
        principal_id: PrincipalId::try_from(&frame.principal_id[..]).ok()?,
        writer_id: WriterId::try_from(&frame.writer_id[..]).ok()?,
        signature: frame.signature,
    })
}

async fn find_session(shared: &Shared, address: IpAddr, claim: &Claim) -> Result<LiveSession, End> {
    let session = shared.directory.authenticate(address, &claim.token).await?;
    session
        .filter(|session| {
            session.session_id == claim.session_id && session.principal_id == claim.principal_id
        })
        .ok_or(REFUSED.into())
}

async fn prove(
    shared: &Shared,
    claim: &Claim,
    nonce: &[u8; NONCE],
    session: &LiveSession,
) -> Result<AuthenticatedPrincipal, End> {
    let key = shared.directory.signing_key(claim.principal_id).await?;
    let key = key.ok_or(REFUSED)?;
    let proof = SocketProof {
        origin: &shared.origin,
        nonce,
        principal_id: &claim.principal_id,
        session_id: &claim.session_id,
        writer_id: &claim.writer_id,
    };
    proof.verify(&key, &claim.signature).map_err(|_| REFUSED)?;
    Ok(AuthenticatedPrincipal::new(
        claim.principal_id,
        session.party,
        session.session_id,
        claim.writer_id,
        key,
    ))
}

impl From<Unavailable> for End {
    fn from(unavailable: Unavailable) -> Self {
        let code = match unavailable.code {
            ErrorCode::RateLimited => CloseCode::Policy,
            code if code.is_transient() => CloseCode::Overloaded,
            _ => CloseCode::Internal,
        };
        Close::because(code, unavailable.code).into()
    }
}
