//! Progress on stderr, where that is a terminal.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sealpost_sdk::Watch;

const REDRAW: Duration = Duration::from_millis(100);

/// A bar towards a known end.
pub(crate) fn bar(what: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec}");
    start(
        ProgressBar::new(length),
        what,
        style.expect("the template is well-formed"),
    )
}

/// A count without a known end.
pub(crate) fn count(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {pos} {per_sec}");
    start(
        ProgressBar::no_length(),
        what,
        style.expect("the template is well-formed"),
    )
}

/// Something that takes as long as somebody else takes.
pub(crate) fn wait(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
    start(
        ProgressBar::no_length(),
        what,
        style.expect("the template is well-formed"),
    )
}

fn start(bar: ProgressBar, what: &'static str, style: ProgressStyle) -> ProgressBar {
    bar.set_style(style);
    bar.set_message(what);
    bar.enable_steady_tick(REDRAW);
    bar
}

/// Moves `bar` to what `position` says, again and again, until `work` is done.
pub(crate) async fn follow<T>(
    bar: &ProgressBar,
    position: impl Fn() -> u64,
    work: impl Future<Output = T>,
) -> T {
    let mut redraw = tokio::time::interval(REDRAW);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = redraw.tick() => bar.set_position(position()),
        }
    }
}

/// Bytes and their rate, towards an end that may be known.
pub(crate) fn bytes(what: &'static str, length: Option<u64>) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{msg} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
        ),
        None => (
            ProgressBar::no_length(),
            "{spinner} {msg} {bytes} {binary_bytes_per_sec}",
        ),
    };
    let style = ProgressStyle::with_template(template);
    start(bar, what, style.expect("the template is well-formed"))
}

/// Moves `bar` with a transfer.
pub(crate) fn watch(bar: &ProgressBar) -> Watch {
    let bar = bar.clone();
    Arc::new(move |progress| {
        // Of a folder it is that of all its files, once that is known.
        if let Some(total) = progress.total {
            bar.set_length(total);
        }
        bar.set_position(progress.done);
    })
}
