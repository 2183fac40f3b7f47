use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server that gives every request the same answer, and where it is.
async fn answering(answer: &'static str) -> (Storage, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/bucket/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let config = ClientConfig::new("http://127.0.0.1:1", "home").unwrap();
    (Storage::at(&url, &config).unwrap(), url)
}

/// Fetches three bytes.
async fn get(storage: &Storage, url: &str) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let got = storage.get(&format!("{url}a"), 0..3, 3, &mut body).await;
    got.map(|()| body)
}

fn part(url: String, headers: &[(&str, &str)]) -> BlobPartUrl {
    let headers = headers.iter().map(|(name, value)| HttpHeader {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    });
    BlobPartUrl {
        number: 1,
        url,
        headers: headers.collect(),
        expires_at: OffsetDateTime::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn r54_redirects_are_not_followed() {
    let (storage, url) =
        answering("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    let got = get(&storage, &url).await;
    assert!(matches!(got, Err(Error::Integrity(_))), "{got:?}");
    let put = storage
        .put(&part(format!("{url}a"), &[]), Bytes::from_static(b"abc"))
        .await;
    assert!(matches!(put, Err(Error::Integrity(_))), "{put:?}");
}

#[tokio::test]
async fn r54_headers_that_name_somebody_or_something_else_are_refused() {
    let (storage, url) = answering("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n").await;
    for header in [
        ("authorization", "x"),
        ("host", "evil"),
        ("cookie", "x"),
        ("x-amz-a\n", "x"),
        ("x-amz-a", "x\ny"),
    ] {
        let at = part(format!("{url}a"), &[header]);
        let put = storage.put(&at, Bytes::from_static(b"abc")).await;
        assert!(matches!(put, Err(Error::Integrity(_))), "{header:?}");
    }
    let at = part(format!("{url}a"), &[("x-amz-checksum-sha256", "x")]);
    assert_eq!(
        storage.put(&at, Bytes::from_static(b"abc")).await.unwrap(),
        "\"1\""
    );
}

#[tokio::test]
async fn answers_of_another_length_or_kind_are_not_taken() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 206 Partial Content\r\ncontent-length: 4\r\n\r\nabcd",
        "HTTP/1.1 206 Partial Content\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (storage, url) = answering(answer).await;
        let got = get(&storage, &url).await;
        assert!(got.is_err_and(|error| error.is_transient()), "{answer}");
    }
    let (storage, url) = answering("HTTP/1.1 206 Partial Content\r\ncontent-length: 3\r\n\r\nabc").await;
    assert_eq!(&get(&storage, &url).await.unwrap()[..], b"abc");
}

#[tokio::test]
async fn r49_an_object_of_another_length_than_its_blob_is_refused_at_once() {
    for (answer, refused) in [
        (
            "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-2/4\r\ncontent-length: 3\r\n\r\nabc",
            "what is stored is longer than the blob",
        ),
        (
            "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-range: bytes */2\r\ncontent-length: 0\r\n\r\n",
            "chunk 0 of the blob is damaged: what is stored is not what its author sealed",
        ),
        (
            "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-length: 0\r\n\r\n",
            "chunk 0 of the blob is damaged: what is stored is not what its author sealed",
        ),
    ] {
        let (storage, url) = answering(answer).await;
        let got = get(&storage, &url).await;
        assert!(
            matches!(&got, Err(Error::Blob(error)) if error.to_string() == refused),
            "{got:?}"
        );
    }
}

#[test]
fn a_part_may_take_its_time_on_a_slow_line() {
    let part = 8 << 20;
    let three_at_once = Duration::from_secs(3 * part as u64 * 8 / 1_000_000);
    assert!(patience(part) > three_at_once, "by a line of 1 Mbit/s");
    assert!(patience(0) >= Duration::from_secs(30), "the server may think");
}
