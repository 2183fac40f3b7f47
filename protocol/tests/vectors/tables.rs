use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::handle::is_handle;
use sealpost_protocol::limits;
use serde::Deserialize;

use super::files::read;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeVector {
    code: String,
    http_status: u16,
    transient: bool,
    advice: String,
}

#[test]
fn error_codes() {
    let known = ErrorCode::ALL.iter().map(|code| CodeVector {
        code: code.as_str().to_owned(),
        http_status: code.http_status(),
        transient: code.is_transient(),
        advice: code.advice().to_owned(),
    });
    assert_eq!(read::<CodeVector>("codes"), known.collect::<Vec<_>>());
}

/// A client is written from the table in SPEC.md, so the table has every code and says what this crate says.
#[test]
fn the_specification_has_every_error_code() {
    let specification = include_str!("../../SPEC.md");
    for code in ErrorCode::ALL {
        let row = format!("| `{code}` | {} | {} |", code.http_status(), code.advice());
        assert!(specification.contains(&row), "{row}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitVector {
    limit: String,
    value: usize,
}

#[test]
fn limits_are_those_of_the_file_and_of_the_specification() {
    let specification = include_str!("../../SPEC.md");
    for LimitVector { limit, value } in read("limits") {
        let known = match limit.as_str() {
            "MAX_FRAME" => limits::MAX_FRAME,
            "MAX_FRAGMENTS" => limits::MAX_FRAGMENTS as usize,
            "MAX_AUTHENTICATE_FRAME" => limits::MAX_AUTHENTICATE_FRAME,
            "MAX_EVENT_CIPHERTEXT" => limits::MAX_EVENT_CIPHERTEXT,
            "MAX_HEADER" => limits::MAX_HEADER,
            "MAX_CONTROL_RECORD" => limits::MAX_CONTROL_RECORD,
            "MAX_SIGNAL_CIPHERTEXT" => limits::MAX_SIGNAL_CIPHERTEXT,
            "MAX_EVIDENCE" => limits::MAX_EVIDENCE,
            "MAX_MESSAGES_PER_EVENT" => limits::MAX_MESSAGES_PER_EVENT,
            "MAX_ENTRIES_PER_PUBLISH" => limits::MAX_ENTRIES_PER_PUBLISH,
            "MAX_ENTRIES_PER_HEAL" => limits::MAX_ENTRIES_PER_HEAL,
            "MAX_MEMBERS" => limits::MAX_MEMBERS,
            "MAX_OPEN_INVITES" => limits::MAX_OPEN_INVITES,
            "MAX_APPLICANTS" => limits::MAX_APPLICANTS,
            "MAX_RELAY_URL" => limits::MAX_RELAY_URL,
            "MAX_WRAP_REQUESTS" => limits::MAX_WRAP_REQUESTS,
            "MAX_UNUSABLE_WRAPS" => limits::MAX_UNUSABLE_WRAPS,
            "MAX_WRITERS_PER_PRINCIPAL" => limits::MAX_WRITERS_PER_PRINCIPAL,
            "REMEMBERED_EVENTS_PER_WRITER" => limits::REMEMBERED_EVENTS_PER_WRITER,
            "MAX_SUBSCRIPTIONS_PER_SOCKET" => limits::MAX_SUBSCRIPTIONS_PER_SOCKET,
            "MAX_WRAPS_PER_FRAME" => limits::MAX_WRAPS_PER_FRAME,
            "MAX_KEYSTORE" => limits::MAX_KEYSTORE,
            "KEPT_KEYSTORE_VERSIONS" => limits::KEPT_KEYSTORE_VERSIONS,
            "KEPT_KEYSTORE_FOR" => limits::KEPT_KEYSTORE_FOR.as_secs() as usize,
            "MAX_BLOB" => limits::MAX_BLOB as usize,
            "BLOB_CHUNK" => limits::BLOB_CHUNK,
            "MAX_BLOB_PARTS" => limits::MAX_BLOB_PARTS as usize,
            "MIN_BLOB_PART" => limits::MIN_BLOB_PART as usize,
            "MAX_BLOB_PART" => limits::MAX_BLOB_PART as usize,
            "MAX_BLOB_PARTS_ASKED" => limits::MAX_BLOB_PARTS_ASKED,
            "MAX_ETAG" => limits::MAX_ETAG,
            "MAX_BLOB_NAME" => limits::MAX_BLOB_NAME,
            "MAX_BLOB_TYPE" => limits::MAX_BLOB_TYPE,
            "MAX_FOLDER" => limits::MAX_FOLDER,
            "MAX_FOLDER_FILES" => limits::MAX_FOLDER_FILES,
            "MAX_FOLDER_PATH" => limits::MAX_FOLDER_PATH,
            "MAX_DEVICE_NAME" => limits::MAX_DEVICE_NAME,
            "MAX_APPROVAL" => limits::MAX_APPROVAL,
            "HPKE_KEY" => limits::HPKE_KEY,
            "WRAP" => limits::WRAP,
            "SEALED_PREVIOUS" => limits::SEALED_PREVIOUS,
            "SIGNATURE" => limits::SIGNATURE,
            other => panic!("{other}"),
        };
        assert_eq!(known, value, "{limit}");
        let row = format!("| `{limit}` | {value} |");
        assert!(specification.contains(&row), "{row}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandleVector {
    handle: String,
    valid: bool,
    why: String,
}

#[test]
fn handles() {
    for HandleVector { handle, valid, why } in read("handle") {
        assert_eq!(is_handle(&handle), valid, "{why}");
    }
}
