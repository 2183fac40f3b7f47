//! What the relays of this process log.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

use sealpost_relay::{
    config::{LogFormat, TelemetryConfig},
    telemetry,
};

/// Takes the logs of all relays of this process from now on.
pub fn capture() {
    buffer();
}

/// All that was logged since [`capture`].
#[must_use]
pub fn captured() -> Vec<u8> {
    buffer().0.lock().unwrap().clone()
}

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

/// Everything that is logged, down to the finest, because that is where a secret would slip out.
fn buffer() -> &'static Buffer {
    static BUFFER: OnceLock<Buffer> = OnceLock::new();
    BUFFER.get_or_init(|| {
        let buffer = Buffer::default();
        let config = TelemetryConfig {
            format: LogFormat::Json,
            filter: "debug,sealpost_relay=trace".into(),
        };
        let target = buffer.clone();
        telemetry::install(&config, move || target.clone()).unwrap();
        buffer
    })
}
