//! Logs: one line per event on standard error, as JSON for machines or as text for people.
//!
//! Only the fields listed here are written; of any other, the name alone. So a careless `tracing::info!(?request)` cannot
//! put into the log what the relay must not tell: tokens, keys, payloads, handles, addresses of clients. What libraries say
//! below the level `info` is never written, whatever the filter says: a WebSocket library's traces hold whole frames, and the
//! first frame of a socket holds a session token.

use std::{error::Error, fmt, io::Write, panic};

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::MakeWriter,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::{
    clock::{Clock, SystemClock},
    config::{LogFormat, TelemetryConfig},
};

/// The fields that may be written. Each is a name, a number or a text of our own, never something a client sent.
const ALLOWED: &[&str] = &[
    "address.ops",
    "address.public",
    "batch.entries",
    "count",
    "entry.seq",
    "error",
    "error.cause",
    "error.code",
    "job.name",
    "job.rows",
    "location",
    "message",
    "migrations.count",
    "pid",
    "program",
    "snapshot.seq",
    "space.number",
    "version",
];
/// What stands for the value of any other field.
const WITHHELD: &str = "(withheld)";

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("telemetry.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else logs already.
    #[error("logging has begun already")]
    Begun(#[from] tracing_subscriber::util::TryInitError),
}

/// Logs to `writer` from now on, panics included (by their place, because their text may hold anything).
///
/// # Errors
/// [`TelemetryError`].
pub fn install<W>(config: &TelemetryConfig, writer: W) -> Result<(), TelemetryError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&config.filter)?;
    let lines = Lines {
        format: config.format,
        writer,
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()?;
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "a task panicked");
    }));
    Ok(())
}

struct Lines<W> {
    format: LogFormat,
    writer: W,
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        *metadata.level() <= Level::INFO || metadata.target().starts_with("sealpost")
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = match self.format {
            LogFormat::Json => json(event, fields),
            LogFormat::Human => human(event, fields),
        };
        // There is nobody to tell that the log cannot be written.
        let _ = self.writer.make_writer().write_all(line.as_bytes());
    }
}

fn now() -> String {
    SystemClock.now().format(&Rfc3339).unwrap_or_default()
}

fn json(event: &Event<'_>, mut fields: Fields) -> String {
    let metadata = event.metadata();
    let mut line = Map::new();
    line.insert("time".into(), now().into());
    line.insert("level".into(), metadata.level().as_str().into());
    line.insert("target".into(), metadata.target().into());
    line.append(&mut fields.0);
    format!("{}\n", Value::Object(line))
}

fn human(event: &Event<'_>, mut fields: Fields) -> String {
    let message = fields.0.remove("message").unwrap_or_default();
    let mut line = format!(
        "{} {:5} {}",
        now(),
        event.metadata().level(),
        message.as_str().unwrap_or_default()
    );
    for (name, value) in fields.0 {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line.push_str(&format!("  {name}={value}"));
    }
    line.push('\n');
    line
}

/// The fields of one event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        // Where a library's line came from, in a bridge's words; the line has its own target.
        if field.name().starts_with("log.") {
            return;
        }
        let allowed = ALLOWED.contains(&field.name());
        let value = if allowed { value.into() } else { WITHHELD.into() };
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    /// With its causes: what an error says of itself, "the database is unavailable", helps nobody.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, chain(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

/// An error and what caused it. None of our errors' texts holds a value of a row or of a request.
pub(crate) fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let target = buffer.clone();
        let lines = Lines {
            format,
            writer: move || target.clone(),
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), log);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_field_that_is_not_listed_loses_its_value() {
        for format in [LogFormat::Json, LogFormat::Human] {
            let line = logged(
                format,
                || tracing::info!(handle = "alice", handle.dbg = ?"alice", count = 3, "hello"),
            );
            assert!(
                !line.contains("alice") && line.contains("hello") && line.contains(WITHHELD),
                "{line}"
            );
        }
    }

    #[test]
    fn what_a_library_says_below_info_is_not_written() {
        let line = logged(LogFormat::Human, || {
            tracing::trace!(target: "tungstenite::protocol", "received frame 0123");
            tracing::debug!(target: "h2::codec", "parameters 4567");
            tracing::info!(target: "h2::codec", "slow");
            tracing::trace!(target: "sealpost_relay::ws", "closed");
        });
        assert!(!line.contains("0123") && !line.contains("4567"), "{line}");
        assert!(line.contains("slow") && line.contains("closed"), "{line}");
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = crate::store_failure::StoreFailure::Unavailable(refused.into());
        let cause = &error as &dyn Error;
        let line = logged(LogFormat::Human, || tracing::warn!(error = cause, "hello"));
        assert!(
            line.contains("the database is unavailable: connection refused"),
            "{line}"
        );
    }

    #[test]
    fn a_json_line_is_one_object() {
        let line = logged(
            LogFormat::Json,
            || tracing::warn!(count = 3, error = %"no\nway", "hello"),
        );
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(object["message"], "hello");
        assert_eq!(object["level"], "WARN");
        assert_eq!(object["count"], 3);
        assert_eq!(object["error"], "no\nway");
    }
}
