//! `GET /live`: whether the process runs. A supervisor that gets no answer should start it again.

/// Always 200: whoever can answer lives.
pub(super) async fn live() -> &'static str {
    "live\n"
}
