//! The API over requests and answers, on a real database.

mod client;
mod documents;
mod logs;
mod refusals;
mod story;
