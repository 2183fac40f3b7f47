//! The API over requests and answers, on a real database.

mod client;
mod documents;
mod invite_page;
mod logs;
mod refusals;
mod story;
