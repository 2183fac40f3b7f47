//! Servers that all tests of a process share.

use std::thread;

use tokio::{runtime::Builder, sync::oneshot};

/// Runs `start` on a thread of its own that never ends, and gives what it says about the server it started.
///
/// The servers are told by the kernel to end when the thread that started them does: with the process, that is.
pub(crate) fn start<Server, Facts: Send + 'static>(
    start: impl AsyncFnOnce() -> (Server, Facts) + Send + 'static,
) -> Facts {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_server, facts) = start().await;
            let delivered = sender.send(facts);
            assert!(
                delivered.is_ok(),
                "whoever asked for the server still waits for it"
            );
            std::future::pending::<()>().await;
        });
    });
    receiver
        .blocking_recv()
        .expect("the server starts: has scripts/setup been run?")
}
