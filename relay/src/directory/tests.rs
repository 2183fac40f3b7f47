//! The directory on a real database, with clients that speak OPAQUE.

mod accounts;
mod agents;
mod approvals;
mod freshness;
mod keystores;
mod limits;
mod login;
mod operator;
mod recovery_login;
mod registration;
mod sealing;
mod sessions;
mod staged;
mod start_over;
