//! Lengths of every message and state of the suite, in bytes.

/// The longest passphrase, so that its work is bounded; the shortest is one byte.
pub const PASSPHRASE_MAX: usize = 4096;
/// Client to server, first message of a registration.
pub const REGISTRATION_REQUEST: usize = 32;
/// Server to client, answer to a registration request.
pub const REGISTRATION_RESPONSE: usize = 64;
/// Client to server, last message of a registration; the same bytes are the record.
pub const REGISTRATION_UPLOAD: usize = 192;
/// What the server keeps of a registered client.
pub const RECORD: usize = REGISTRATION_UPLOAD;
/// Client to server, first message of a login (KE1).
pub const LOGIN_REQUEST: usize = 96;
/// Server to client, answer to a login request (KE2).
pub const LOGIN_RESPONSE: usize = 320;
/// Client to server, last message of a login (KE3).
pub const LOGIN_FINALIZATION: usize = 64;
/// What the server keeps between the two messages of a login.
pub const LOGIN_STATE: usize = 128;
/// The server's long-lived secrets.
pub const SERVER_SETUP: usize = 128;
/// The server's static public key, which clients pin.
pub const SERVER_PUBLIC_KEY: usize = 32;
/// The key only the client learns, at registration and at every login alike.
pub const EXPORT_KEY: usize = 64;
/// The key both sides share after one login.
pub const SESSION_KEY: usize = 64;
