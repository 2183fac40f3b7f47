//! The physical limits: what the database and the processor could do if nothing else had to be done.

mod commits;
mod inserts;
mod primitives;
mod select;

pub use commits::single_commits;
pub use inserts::{Inserts, batched_inserts};
pub use primitives::Primitives;
pub use select::select;
