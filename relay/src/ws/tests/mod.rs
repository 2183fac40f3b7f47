//! The endpoint over real sockets, from honest and hostile clients.

mod accounts;
mod authentication;
mod client;
mod delivery;
mod frames;
mod leaving;
mod limits;
mod model;
mod publishing;
mod relay;
mod removal;
