//! `[telemetry]`: what is logged, and how.

use serde::Deserialize;

/// `[telemetry]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// One object a line for machines, or lines for people.
    pub format: LogFormat,
    /// Which messages, in the notation of `tracing`'s filters, such as `info` or `sealpost_relay=debug,warn`. Of libraries,
    /// nothing below `info` is ever written: it may hold what passes through them.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Human,
}

/// Libraries tell what we say ourselves, or what is not worth saying when a database goes away with the relay. What the embedded
/// storage refuses at its start is what it is tried with.
const QUIET: &str = "info,refinery_core=warn,tokio_postgres=warn,sqlx_core::pool=error,s3s=off";

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            filter: QUIET.into(),
        }
    }
}
