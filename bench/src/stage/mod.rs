//! The real parts on the stage: Postgres, OpenBao, the relay as a child process, and people with sessions and spaces.

mod database;
mod parts;
mod people;
mod room;
mod socket;
mod traffic;
mod world;

pub use database::{Limits, data_folder};
pub use parts::{ORIGIN, RAISED, Stage};
pub use people::Person;
pub use room::Room;
pub use socket::{Socket, WebSocket, fill, frame, open_web_socket, random, read, refusal};
pub use traffic::{Desk, MESSAGE, Supply, Traffic, writers_of};
pub use world::World;
