use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Api;
use crate::config::ClientConfig;
use crate::error::Error;

/// Answers one request with `answer` and hands out the request's head.
async fn answer_once(answer: String) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        // The client may have seen enough before the end.
        let _ = stream.write_all(answer.as_bytes()).await;
        String::from_utf8(head).unwrap()
    });
    (address, served)
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn ask(url: &str, connect_to: Option<SocketAddr>) -> Error {
    let mut config = ClientConfig::new(url, "no-home").unwrap();
    config.connect_to = connect_to;
    config.add_header("x-gateway", "token of the gateway").unwrap();
    Api::new(&config).unwrap().info().await.unwrap_err()
}

#[tokio::test]
async fn name_under_localhost_is_this_machine_without_dns() {
    let (address, served) = answer_once(answer("404 Not Found", "")).await;
    ask(&format!("http://relay.localhost:{}", address.port()), None).await;
    let head = served.await.unwrap().to_lowercase();
    assert!(head.contains(&format!("host: relay.localhost:{}\r\n", address.port())));
    assert!(head.contains("x-gateway: token of the gateway\r\n"));
}

#[tokio::test]
async fn connect_to_changes_the_address_and_nothing_else() {
    let (address, served) = answer_once(answer("404 Not Found", "")).await;
    ask("http://relay.localhost:1", Some(address)).await;
    let head = served.await.unwrap().to_lowercase();
    assert!(head.starts_with("get /v1/info http/1.1\r\n"));
    assert_eq!(head.matches("\r\nhost:").count(), 1);
    assert!(head.contains("host: relay.localhost:1\r\n"));
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let (address, _served) = answer_once(redirect.to_owned()).await;
    let Error::Refused(refusal) = ask(&format!("http://{address}"), None).await else {
        panic!("expected a refusal");
    };
    assert_eq!(refusal.word, "http_302");
}

#[tokio::test]
async fn problem_body_becomes_a_refusal_with_its_code() {
    let body = r#"{"code":"rate_limited","title":"","status":429,"detail":"slow\u001b[31m down","retry_after_ms":1500}"#;
    let (address, _served) = answer_once(answer("429 Too Many Requests", body)).await;
    let error = ask(&format!("http://{address}"), None).await;
    assert!(error.is_transient());
    let Error::Refused(refusal) = error else {
        panic!("expected a refusal");
    };
    assert_eq!(refusal.retry_after.unwrap().as_millis(), 1500);
    assert_eq!(refusal.message, "slow[31m down");
}

#[tokio::test]
async fn failed_login_is_not_authenticated() {
    let body = r#"{"code":"login_failed","title":"","status":401,"detail":""}"#;
    let (address, _served) = answer_once(answer("401 Unauthorized", body)).await;
    let error = ask(&format!("http://{address}"), None).await;
    assert!(matches!(error, Error::NotAuthenticated(_)));
}

#[tokio::test]
async fn gateway_that_cannot_reach_the_relay_is_a_network_error() {
    let (address, _served) = answer_once(answer("502 Bad Gateway", "<html>")).await;
    let error = ask(&format!("http://{address}"), None).await;
    assert!(matches!(error, Error::Network(_)));
}

#[tokio::test]
async fn endless_answer_is_cut_off() {
    let body = " ".repeat(5 * 1024 * 1024);
    let (address, _served) = answer_once(answer("200 OK", &body)).await;
    let error = ask(&format!("http://{address}"), None).await;
    assert!(matches!(error, Error::Network(text) if text.contains("longer")));
}

#[tokio::test]
async fn unreachable_relay_is_a_network_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(&format!("http://{address}"), None).await;
    assert!(matches!(error, Error::Network(_)));
}

#[tokio::test]
async fn patient_request_waits_for_a_relay_that_comes_up_and_impatient_one_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut config = ClientConfig::new(&format!("http://{address}"), "no-home").unwrap();
    config.patience = Duration::from_secs(300);
    let api = Api::new(&config).unwrap();
    assert!(matches!(api.at_once().info().await, Err(Error::Network(_))));

    let asking = tokio::spawn(async move { api.info().await });
    let listener = TcpListener::bind(address).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    stream
        .write_all(answer("404 Not Found", "").as_bytes())
        .await
        .unwrap();
    assert!(matches!(asking.await.unwrap(), Err(Error::Refused(_))));
}

#[tokio::test]
async fn patience_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut config = ClientConfig::new(&format!("http://{address}"), "no-home").unwrap();
    config.patience = Duration::from_millis(20);
    let result = Api::new(&config).unwrap().info().await;
    assert!(matches!(result, Err(Error::Network(_))));
}

#[tokio::test]
async fn https_to_a_number_cannot_be_dialled_elsewhere() {
    let mut config = ClientConfig::new("https://192.0.2.1", "no-home").unwrap();
    config.connect_to = Some("127.0.0.1:1".parse().unwrap());
    assert!(matches!(Api::new(&config), Err(Error::Usage(_))));
}
