//! `GET /version`: what runs here.

use axum::Json;
use serde::Serialize;

/// What runs here.
#[derive(Serialize)]
pub(super) struct Version {
    name: &'static str,
    version: &'static str,
    protocol: &'static str,
    schema: i32,
}

/// Name and version of the program, the wire and the schema.
pub(super) async fn version() -> Json<Version> {
    Json(Version {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        protocol: sealpost_protocol::SUBPROTOCOL,
        schema: sealpost_migrations::latest_version(),
    })
}
