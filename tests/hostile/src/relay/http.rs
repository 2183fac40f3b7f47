//! Requests over HTTP on their way through.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Answer, Asked, Shared};

pub(super) async fn pass(client: TcpStream, wrapped: SocketAddr, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(forward(request, wrapped, &shared).await) }
    });
    // There is nobody to tell how a connection ended.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(client), service)
        .await;
}

/// A wrapped relay that cannot be reached is a bad gateway, as it would be of any proxy.
async fn forward(request: Request<Incoming>, wrapped: SocketAddr, shared: &Shared) -> Response<Full<Bytes>> {
    try_forward(request, wrapped, shared).await.unwrap_or_else(|| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

async fn try_forward(
    request: Request<Incoming>,
    wrapped: SocketAddr,
    shared: &Shared,
) -> Option<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        body: body.collect().await.ok()?.to_bytes(),
    };
    let answered = shared
        .client
        .request(head.method, format!("http://{wrapped}{}", head.uri))
        .headers(end_to_end(head.headers))
        .body(asked.body.clone())
        .send()
        .await
        .ok()?;
    let mut answer = Answer {
        status: answered.status(),
        headers: end_to_end(answered.headers().clone()),
        body: answered.bytes().await.ok()?,
    };
    shared.change_answer(&asked, &mut answer);
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Some(response)
}

/// Without what belongs to one connection alone; the length is that of the body as it is sent.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
