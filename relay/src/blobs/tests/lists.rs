//! Lists of a server that lies, or has a lot to tell.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::blobs::ObjectKey;
use crate::blobs::ports::{BlobStorage, StorageError, Upload, UploadId};
use crate::blobs::s3::{S3Settings, S3Storage};
use crate::clock::SystemClock;

const KEY: ObjectKey = ObjectKey {
    prefix: [1; 16],
    rest: [2; 32],
};

/// A server that answers each request, by its first line, with a document.
pub async fn answering(answer: fn(&str) -> String) -> url::Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: url::Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, answer));
        }
    });
    endpoint
}

async fn telling(answer: fn(&str) -> String) -> S3Storage {
    let endpoint = answering(answer).await;
    let settings = S3Settings::at(endpoint);
    S3Storage::new(settings, Duration::from_secs(300), None, Arc::new(SystemClock)).unwrap()
}

/// None of these requests has a body.
async fn serve(mut stream: TcpStream, answer: fn(&str) -> String) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
            let body = answer(text.lines().next().unwrap());
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    }
}

fn number_after(line: &str, key: &str) -> u64 {
    let digits = line.split_once(key).map_or("0", |(_, rest)| rest);
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

fn refused<T: std::fmt::Debug>(answer: Result<T, StorageError>) {
    assert!(matches!(answer, Err(StorageError::Refused(_))), "{answer:?}");
}

/// A page of parts, and always one more.
fn parts_without_end(line: &str) -> String {
    let first = number_after(line, "part-number-marker=") + 1;
    let parts: String = (first..first + 1_000)
        .map(|number| format!("<Part><PartNumber>{number}</PartNumber><ETag>a</ETag><Size>5</Size></Part>"))
        .collect();
    format!(
        "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>{}</NextPartNumberMarker>{parts}</ListPartsResult>",
        first + 999
    )
}

#[tokio::test]
async fn parts_without_end_are_refused_before_they_fill_the_memory() {
    let upload = Upload {
        key: KEY,
        id: UploadId("upload".to_owned()),
    };
    refused(telling(parts_without_end).await.parts(&upload).await);
    let nothing_but_more = |line: &str| {
        let next = number_after(line, "part-number-marker=") + 1;
        format!(
            "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>{next}</NextPartNumberMarker></ListPartsResult>"
        )
    };
    refused(telling(nothing_but_more).await.parts(&upload).await);
}

#[tokio::test]
async fn objects_that_do_not_come_in_order_are_refused() {
    let same_again = |_: &str| {
        "<ListBucketResult><Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents></ListBucketResult>".to_owned()
    };
    let storage = telling(same_again).await;
    assert_eq!(storage.list(None).await.unwrap().len(), 2);
    refused(storage.list(Some("b")).await);
}

/// Two pages of uploads.
fn uploads(line: &str) -> String {
    let listed = if line.contains("upload-id-marker=2") {
        vec![("probe/3".to_owned(), "3")]
    } else if line.contains("upload-id-marker=3") {
        Vec::new()
    } else {
        vec![(KEY.to_string(), "1"), (format!("{KEY}0"), "2")]
    };
    let uploads: String = listed
        .iter()
        .map(|(key, id)| format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>"))
        .collect();
    format!("<ListMultipartUploadsResult>{uploads}</ListMultipartUploadsResult>")
}

#[tokio::test]
async fn uploads_are_read_to_the_last_page_and_those_of_an_object_are_its_own() {
    let storage = telling(uploads).await;
    let (mut after, mut ids) = (None, Vec::new());
    loop {
        let page = storage.uploads(after.as_ref()).await.unwrap().unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        ids.extend(page.into_iter().map(|upload| upload.id.0));
    }
    assert_eq!(ids, ["1", "2", "3"]);
    let own = storage.uploads_of(&KEY).await.unwrap().unwrap();
    assert_eq!((own.len(), own[0].id.0.as_str()), (1, "1"));
    let same_again = |_: &str| {
        "<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>1</UploadId></Upload></ListMultipartUploadsResult>".to_owned()
    };
    let storage = telling(same_again).await;
    let first = storage.uploads(None).await.unwrap().unwrap();
    refused(storage.uploads(first.first()).await);
}
