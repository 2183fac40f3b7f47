//! The endpoint over real sockets, from honest and hostile clients.

mod authentication;
mod client;
mod frames;
mod leaving;
mod limits;
mod relay;
