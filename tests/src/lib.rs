//! The harness: real parts for the tests that cross crates.
//!
//! - [`database`]: a Postgres for the whole test process with a migrated database for each test, or one of a test's own.
//! - [`openbao`]: the same with OpenBao, with a Transit mount for each test.
//! - [`relay`]: the relay in this process, or as a child process that can be killed.
//! - [`command`]: the `sealpost` command, with a home of its own.
//! - [`interop`]: the client in another language, as a process.
//! - [`terminal`]: what a person would start it at.
//! - [`tls_front`]: TLS in front of Postgres.
//! - [`proxy`]: a network between any two of them that can be cut, slowed and silenced.
//! - [`steps`]: a proxy that counts a client's requests and stops the world at one of them.
//! - [`door`]: what these listen by.
//! - [`canary`]: looks for secrets where none may be.
//! - [`scan`]: looks at every value of every table.
//! - [`ledger`]: holds what writers were acked against what a reader got.
//! - [`measured`]: what a command takes.
//! - [`rounds`]: what proofs by rounds have in common.
//!
//! Seven proofs stand on these, for `scripts/prove`; the tests run those in the middle, some of them in short:
//!
//! - [`abuse`]: attacks over real sockets while honest people talk, by [`bare`] clients.
//! - [`bulk`]: a large database is backed up, verified, restored and read.
//! - [`crash`]: kills and faults at random under many writers.
//! - [`leaks`]: what only people may know is looked for wherever somebody else could.
//! - [`removal`]: somebody is removed, and those who stay go on.
//! - [`restarts`]: parts of a deployment restart under fifty clients; `scripts/prove deploy` brings one up for it.
//! - [`transfers`]: files are put and got under kills and faults; ledger and bucket stay equal.
//!
//! Everything is ended by a test's end; tests wait for events, never for time.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

pub mod abuse;
pub mod bare;
pub mod bulk;
pub mod canary;
pub mod command;
pub mod crash;
pub mod database;
pub mod door;
pub mod interop;
pub mod leaks;
pub mod ledger;
pub mod logs;
pub mod measured;
pub mod openbao;
pub mod proxy;
pub mod relay;
pub mod removal;
pub mod restarts;
pub mod rounds;
pub mod scan;
pub mod steps;
pub mod terminal;
pub mod tls_front;
pub mod transfers;

mod folders;
pub mod process;
mod process_wide;
