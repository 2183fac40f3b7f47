use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{
    extract::{Extension, Request},
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    task::JoinHandle,
    time::Instant,
};

use super::*;

/// A listener that serves a few routes, each for a test.
struct Scene {
    address: SocketAddr,
    stop: CancellationToken,
    metrics: ConnectionMetrics,
    ended: JoinHandle<()>,
}

fn settings() -> ListenerSettings {
    ListenerSettings {
        max_connections: 8,
        max_connections_per_address: 8,
        header_timeout: Duration::from_millis(200),
        write_timeout: Duration::from_millis(200),
        trusted_proxies: Vec::new(),
    }
}

impl Scene {
    async fn start(settings: ListenerSettings, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, metrics) = (CancellationToken::new(), ConnectionMetrics::default());
        let server = Server::new(router, settings, metrics.clone());
        let ended = tokio::spawn(server.run(listener, stop.clone()));
        Self {
            address,
            stop,
            metrics,
            ended,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }
}

/// A server that closes on unread bytes may reset the connection: then what came before counts.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

async fn who(Extension(ClientAddress(address)): Extension<ClientAddress>) -> String {
    address.to_string()
}

fn routes() -> Router {
    Router::new()
        .route("/who", get(who))
        .route("/flood", get(|| async { vec![0_u8; 64 << 20] }))
}

#[tokio::test]
async fn requests_carry_the_address_of_the_client() {
    let scene = Scene::start(settings(), routes()).await;
    let request = b"GET /who HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n";
    let answer = scene.exchange(request).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"),
        "{answer}"
    );

    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let scene = Scene::start(
        ListenerSettings {
            trusted_proxies,
            ..settings()
        },
        routes(),
    )
    .await;
    assert!(scene.exchange(request).await.ends_with("192.0.2.1"));
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let scene = Scene::start(settings(), routes()).await;
    for beginning in [
        &b""[..],
        b"P",
        b"GET /who HTTP/1.1\r\nHost: a\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = scene.exchange(beginning).await;
        assert!(!answer.contains("200"), "{answer}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let scene = Scene::start(settings(), routes()).await;
    let answer = scene.exchange(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_head_with_too_much_in_it_is_refused() {
    let scene = Scene::start(settings(), routes()).await;
    let many = "A: b\r\n".repeat(MAX_HEADERS + 1);
    let long = format!("A: {}\r\n", "b".repeat(20 * 1024));
    for headers in [many, long] {
        let answer = scene
            .exchange(format!("GET /who HTTP/1.1\r\n{headers}\r\n").as_bytes())
            .await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn who_finds_no_place_is_told_so_and_a_free_place_is_given_again() {
    let scene = Scene::start(
        ListenerSettings {
            max_connections_per_address: 1,
            ..settings()
        },
        routes(),
    )
    .await;
    let mut first = scene.connect().await;
    first
        .write_all(b"GET /who HTTP/1.1\r\nHost: a\r\n")
        .await
        .unwrap();
    let answer = scene.exchange(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("Retry-After: 5\r\n"),
        "{answer}"
    );
    assert_eq!(scene.metrics.shed.get(), 1);

    first.write_all(b"Connection: close\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut first).await.starts_with("HTTP/1.1 200"));
    let answer = scene
        .exchange(b"GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn who_opens_connections_too_fast_is_served_later() {
    let scene = Scene::start(
        ListenerSettings {
            max_connections_per_address: 50,
            ..settings()
        },
        routes(),
    )
    .await;
    let start = Instant::now();
    // Twelve at once, and ten in a second.
    for _ in 0..15 {
        let answer = scene
            .exchange(b"GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let least = Duration::from_millis(300);
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_connection_that_says_nothing_ends_with_the_listener() {
    let long = Duration::from_secs(3600);
    let scene = Scene::start(
        ListenerSettings {
            header_timeout: long,
            ..settings()
        },
        routes(),
    )
    .await;
    let mut silent = scene.connect().await;
    // The listener has taken it by the time that it has answered the next one.
    scene
        .exchange(b"GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    scene.stop.cancel();
    assert_eq!(read_to_end(&mut silent).await, "");
    scene.ended.await.unwrap();
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut() {
    let scene = Scene::start(settings(), routes()).await;
    let mut stream = scene.connect().await;
    stream
        .write_all(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    scene.stop.cancel();
    // The listener ends only with its last connection, and nobody reads what that one has to say.
    scene.ended.await.unwrap();
    assert_eq!(scene.metrics.open.get(), 0);
}

#[tokio::test]
async fn little_is_made_for_a_client_that_reads_nothing() {
    const PIECE: usize = 16 * 1024;
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let endless = move || async move {
        let pieces = stream::repeat_with(move || {
            count.fetch_add(PIECE, Ordering::Relaxed);
            Ok::<_, Infallible>(Bytes::from_static(&[0; PIECE]))
        });
        Body::from_stream(pieces)
    };
    let scene = Scene::start(settings(), Router::new().route("/endless", get(endless))).await;
    let mut stream = scene.connect().await;
    let request = b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    scene.stop.cancel();
    scene.ended.await.unwrap();
    let made = made.load(Ordering::Relaxed);
    assert!(made < 1 << 20, "{made} bytes were made");
}

#[tokio::test]
async fn stop_lets_a_request_in_flight_end() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (arrived.clone(), go_on.clone());
    let slow = move || async move {
        tell.notify_one();
        wait.notified().await;
        "done"
    };
    let scene = Scene::start(settings(), Router::new().route("/slow", get(slow))).await;
    let mut stream = scene.connect().await;
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    arrived.notified().await;
    scene.stop.cancel();
    go_on.notify_one();
    let answer = read_to_end(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"),
        "{answer}"
    );
    scene.ended.await.unwrap();
    assert!(TcpStream::connect(scene.address).await.is_err());
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_place_until_it_ends() {
    let scene = Scene::start(settings(), Router::new().route("/echo", get(echo))).await;
    let mut stream = scene.connect().await;
    let request = b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    scene.stop.cancel();
    scene.ended.await.unwrap();
    assert_eq!(scene.metrics.open.get(), 1);
    stream.shutdown().await.unwrap();
    read_to_end(&mut stream).await;
    assert_eq!(scene.metrics.open.get(), 0);
}

/// Reads until the client closes, then closes.
async fn echo(request: Request) -> Response {
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.unwrap();
        let mut stream = TokioIo::new(upgraded);
        tokio::io::copy(&mut stream, &mut tokio::io::sink())
            .await
            .unwrap();
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert("connection", "upgrade".parse().unwrap());
    headers.insert("upgrade", "echo".parse().unwrap());
    response
}
