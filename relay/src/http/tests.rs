//! The API over requests and answers, on a real database.

mod access;
mod agents;
mod approvals;
mod blobs;
mod client;
mod documents;
mod invite_page;
mod logs;
mod refusals;
mod story;
