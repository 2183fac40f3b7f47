//! A private Postgres, a private OpenBao and a private object store, for `sealpost-relay dev` and for tests.
//!
//! The object store is served by this process itself. The other two are the real servers, run as child processes of the relay
//! with all their files under one folder of ours. Rules that hold for both:
//!
//! - A folder is locked while a relay uses it, so that whatever else still runs in it is a leftover of a relay that
//!   was killed. The next start ends that leftover before it starts its own.
//! - They run in a process group of their own: Ctrl-C reaches the relay only, which drains first and stops them last.
//! - Where `setpriv` is installed they are told to stop when the thread that started them ends. So start them
//!   from a thread that lives as long as they should: the main future of a runtime, not `spawn_blocking`.

mod error;
mod folder;
mod launcher;
mod log_file;
pub mod object_store;
mod openbao;
mod orphan;
mod postgres;
mod process;
mod tools;

pub use error::EmbeddedError;
pub use object_store::ObjectStore;
pub use openbao::{OpenBao, OpenBaoOptions};
pub use postgres::{Confinement, Postgres, PostgresOptions};
pub use tools::Tools;
