//! The loads: what clients do to a relay or to one of its peers, through real sockets.

mod account;
mod append;
mod cold;
mod crowd;
mod fan_out;
mod idle;
mod replay;
mod sdk;
mod talk;

pub use account::Account;
pub use append::{Writer, append, publish};
pub use cold::{Asking, ask_at_once};
pub use crowd::{Crowd, Stranger};
pub use fan_out::{Audience, Medium, Pace, fan_out};
pub use idle::hold;
pub use replay::replay;
pub use sdk::{SdkWriters, make_space, read_by_sdk, write_by_sdk};
pub use talk::{Circle, Heard, Talk};
