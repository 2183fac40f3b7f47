//! From what vaultrs and rustify report to what a caller can do about it.
//!
//! Their errors hold answers of the server, in which keys and tokens may stand; none of that is passed on
//! but the server's own error texts.

use std::error::Error;

use rustify::errors::ClientError as RestError;
use serde::Deserialize;
use vaultrs::error::ClientError as VaultError;

use crate::atrest::key_wrapper::KeyWrapError;

/// Server texts longer than this are cut: they end up in logs.
const TEXT_MAX_CHARACTERS: usize = 200;

/// The error of an endpoint of ours.
pub(super) fn from_rest(error: RestError) -> KeyWrapError {
    match error {
        RestError::RequestError { source, .. } | RestError::ResponseError { source } => {
            KeyWrapError::Unavailable(innermost(&*source).into())
        }
        RestError::ServerResponseError { code, content } => {
            from_status(code, &error_text(content.as_deref().unwrap_or_default()))
        }
        _ => not_an_answer(),
    }
}

/// The error of a call of vaultrs.
pub(super) fn from_vaultrs(error: VaultError) -> KeyWrapError {
    match error {
        VaultError::APIError { code, errors } => from_status(code, &first_text(&errors)),
        VaultError::RestClientError { source } => from_rest(source),
        _ => not_an_answer(),
    }
}

/// As [`from_vaultrs`], of a login: there, 400 is how a wrong role or secret is answered.
pub(super) fn from_login(error: VaultError) -> KeyWrapError {
    match error {
        VaultError::APIError { code: 400, errors } => KeyWrapError::Denied(first_text(&errors).into()),
        error => from_vaultrs(error),
    }
}

/// An answer that is none we understand.
pub(super) fn not_an_answer() -> KeyWrapError {
    KeyWrapError::Internal("OpenBao's answer is not understood".into())
}

/// The error text that stands in the place of one item of a batch.
pub(super) fn from_item(text: &str) -> KeyWrapError {
    let text = cut(text);
    match OF_A_BAD_CIPHERTEXT.iter().any(|part| text.contains(part)) {
        true => KeyWrapError::Corrupt(text.into()),
        false => KeyWrapError::Internal(text.into()),
    }
}

/// How OpenBao 2.7 says that a ciphertext, or its associated data, is not what it made; or that it lacks the
/// key version ("too new", after a restore) or may not use it any more ("too old").
const OF_A_BAD_CIPHERTEXT: [&str; 4] = [
    "message authentication failed",
    "invalid ciphertext",
    "too new",
    "too old",
];

/// 429 is "no leader", 500 also "audit device full"; 503 is "sealed".
fn from_status(code: u16, text: &str) -> KeyWrapError {
    let text = format!("{code} {text}").into();
    match code {
        403 => KeyWrapError::Denied(text),
        408 | 429 | 500..=599 => KeyWrapError::Unavailable(text),
        _ => KeyWrapError::Internal(text),
    }
}

/// The last link of a chain of causes: "Connection refused", say, rather than "error sending request".
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cut(&cause.to_string())
}

#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<String>,
}

fn error_text(body: &str) -> String {
    serde_json::from_str(body).map_or_else(|_| String::new(), |body: ErrorBody| first_text(&body.errors))
}

fn first_text(texts: &[String]) -> String {
    texts.first().map(|text| cut(text)).unwrap_or_default()
}

fn cut(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(TEXT_MAX_CHARACTERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16, content: &str) -> KeyWrapError {
        from_rest(RestError::ServerResponseError {
            code,
            content: Some(content.to_owned()),
        })
    }

    #[test]
    fn what_passes_by_itself_is_unavailable() {
        for code in [429, 500, 502, 503, 504] {
            let error = answered(code, r#"{"errors":["Vault is sealed"]}"#);
            assert_eq!(
                error,
                KeyWrapError::Unavailable(format!("{code} Vault is sealed").into())
            );
        }
    }

    #[test]
    fn a_refused_credential_is_denied() {
        let error = answered(403, r#"{"errors":["permission denied"]}"#);
        assert_eq!(error, KeyWrapError::Denied("403 permission denied".into()));
    }

    #[test]
    fn a_refused_request_is_a_defect() {
        let error = answered(400, r#"{"errors":["encryption key not found"]}"#);
        assert_eq!(
            error,
            KeyWrapError::Internal("400 encryption key not found".into())
        );
    }

    #[test]
    fn a_wrong_secret_id_is_denied() {
        let errors = vec!["invalid role or secret ID".to_owned()];
        let error = from_login(VaultError::APIError { code: 400, errors });
        assert_eq!(error, KeyWrapError::Denied("invalid role or secret ID".into()));
    }

    #[test]
    fn nothing_of_an_unexpected_answer_is_passed_on() {
        for content in [
            "a plaintext",
            r#"{"data":{"plaintext":"a plaintext"}}"#,
            r#"{"errors":"a plaintext"}"#,
        ] {
            let shown = format!("{:?}", answered(400, content));
            assert!(!shown.contains("plaintext"), "{shown}");
        }
    }

    #[test]
    fn items_that_do_not_open_are_corrupt() {
        for text in [
            "cipher: message authentication failed",
            "invalid ciphertext: version is too new",
            "invalid ciphertext: no prefix",
            "invalid ciphertext length",
            "ciphertext or signature version is disallowed by policy (too old)",
        ] {
            assert_eq!(from_item(text), KeyWrapError::Corrupt(text.into()));
        }
    }

    #[test]
    fn long_texts_and_control_characters_are_cut() {
        let error = from_item(&format!("new\nline{}", "x".repeat(1_000)));
        assert!(!error.to_string().contains('\n') && error.to_string().len() < 300);
    }
}
