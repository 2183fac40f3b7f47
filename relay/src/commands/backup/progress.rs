//! Where a long run is: a bar on a terminal, a line for each step elsewhere.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use indicatif::{ProgressBar, ProgressStyle};

use super::size;
use crate::backup::{Progress, Step};

/// On standard error, so that standard output holds the result alone.
pub(super) fn shown() -> Arc<dyn Progress> {
    if io::stderr().is_terminal() {
        Arc::new(Bar::default())
    } else {
        Arc::new(Lines::default())
    }
}

struct Bar(ProgressBar);

impl Default for Bar {
    fn default() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {msg}"));
        Self(bar)
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("our own templates are right")
}

impl Progress for Bar {
    fn step(&self, step: Step) {
        self.0.set_style(style("{spinner} {msg}"));
        self.0.set_message(step.text());
        self.0.tick();
    }

    fn bytes(&self, done: u64, total: u64) {
        if self.0.length() != Some(total) {
            self.0.set_style(style(
                "{msg} {wide_bar} {bytes} of about {total_bytes}, {bytes_per_sec}",
            ));
            self.0.set_length(total);
        }
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// For a log: the steps, and of long ones each further gigabyte.
#[derive(Default)]
struct Lines {
    told: AtomicU64,
}

/// So many bytes from line to line.
const LINE_BYTES: u64 = 1 << 30;

impl Progress for Lines {
    fn step(&self, step: Step) {
        self.told.store(0, Ordering::Relaxed);
        eprintln!("{}", step.text());
    }

    fn bytes(&self, done: u64, total: u64) {
        let lines = done / LINE_BYTES;
        if self.told.fetch_max(lines, Ordering::Relaxed) < lines {
            eprintln!("  {} of about {}", size(done), size(total));
        }
    }
}
