//! The real parts on the stage: Postgres, OpenBao, the relay as a child process, and people with sessions and spaces.

mod database;
mod numbers;
mod parts;
mod people;
mod socket;
mod traffic;
mod world;

pub use database::{Limits, data_folder};
pub use numbers::Numbers;
pub use parts::{RAISED, Stage};
pub use sealpost_tests::bare::{ORIGIN, Person, Room, random};
pub use socket::{Socket, WebSocket, fill, frame, open_reader, open_web_socket, read, refusal};
pub use traffic::{Desk, MESSAGE, Noise, Supply, Traffic, rooms_of, writers_of};
pub use world::World;
