//! The loads: what clients do to a relay, to one of its peers or to a broker, through real sockets.

mod account;
mod append;
mod broker_append;
mod cold;
mod crowd;
mod fan_out;
mod idle;
mod replay;
mod sdk;
mod talk;

pub use account::Account;
pub use append::{Writer, ahead, append, publish};
pub use broker_append::{BrokerLoad, append_to_broker};
pub use cold::{Asking, ask_at_once};
pub use crowd::{Crowd, Stranger};
pub use fan_out::{Medium, Pace, fan_out, fan_out_by_broker, web_socket_audience};
pub use idle::hold;
pub use replay::replay;
pub use sdk::{SdkWriters, make_space, read_by_sdk, write_by_sdk};
pub use talk::{Circle, Heard, Talk};
