//! Sizes and counts both sides enforce. Lengths are bytes.

use std::time::Duration;

/// Largest WebSocket message in either direction.
pub const MAX_FRAME: usize = 256 * 1024;
/// Most WebSocket frames that one message of a client comes in.
pub const MAX_FRAGMENTS: u32 = 1024;
/// Largest first frame of a client (Authenticate).
pub const MAX_AUTHENTICATE_FRAME: usize = 4 * 1024;
/// Time a client has to authenticate its socket.
pub const AUTHENTICATE_WITHIN: Duration = Duration::from_secs(5);
/// Largest ciphertext of one event.
pub const MAX_EVENT_CIPHERTEXT: usize = 128 * 1024;
/// Largest header of an event or signal; a valid one is smaller.
pub const MAX_HEADER: usize = 512;
/// Largest control record.
pub const MAX_CONTROL_RECORD: usize = 16 * 1024;
/// Largest ciphertext of one signal.
pub const MAX_SIGNAL_CIPHERTEXT: usize = 8 * 1024;
/// Longest file of evidence, in bytes: two million entries behind the place where two logs part.
pub const MAX_EVIDENCE: usize = 64 * 1024 * 1024;
/// Most messages packed into one event.
pub const MAX_MESSAGES_PER_EVENT: usize = 256;
/// Most entries in one Publish frame.
pub const MAX_ENTRIES_PER_PUBLISH: usize = 256;
/// Most entries in one Heal frame: those of any page.
pub const MAX_ENTRIES_PER_HEAL: usize = 512;
/// Most members of one space.
pub const MAX_MEMBERS: usize = 4096;
/// Most open invites of one space.
pub const MAX_OPEN_INVITES: usize = 64;
/// Most principals that wait for approval in one space.
pub const MAX_APPLICANTS: usize = 256;
/// Longest relay URL in an invite link.
pub const MAX_RELAY_URL: usize = 256;
/// Most principals named in one WrapRequests frame.
pub const MAX_WRAP_REQUESTS: usize = 256;
/// Most wraps that a member may call unusable when it fetches another one.
pub const MAX_UNUSABLE_WRAPS: usize = 16;
/// Most writers of one principal in one space.
pub const MAX_WRITERS_PER_PRINCIPAL: usize = 256;
/// Events per writer whose ids the relay remembers, to tell a repeat from a conflict.
pub const REMEMBERED_EVENTS_PER_WRITER: usize = 1024;
/// Most subscriptions of one socket.
pub const MAX_SUBSCRIPTIONS_PER_SOCKET: usize = 1024;
/// Most wraps in one StageWraps frame.
pub const MAX_WRAPS_PER_FRAME: usize = 128;
/// Largest sealed keystore.
pub const MAX_KEYSTORE: usize = 256 * 1024;
/// The last versions of a keystore, which the relay keeps however old they are.
pub const KEPT_KEYSTORE_VERSIONS: usize = 10;
/// Longest plaintext of a blob: 1 TiB.
pub const MAX_BLOB: u64 = 1 << 40;
/// Plaintext in one chunk of a blob.
pub const BLOB_CHUNK: usize = 64 * 1024;
/// The same as it is stored: sealed.
pub const STORED_CHUNK: usize = BLOB_CHUNK + TAG;
/// Longest name of a blob.
pub const MAX_BLOB_NAME: usize = 255;
/// Longest media type of a blob.
pub const MAX_BLOB_TYPE: usize = 255;
/// Most parts of one blob.
pub const MAX_BLOB_PARTS: u32 = 10_000;
/// Shortest part of a blob but the last: what S3 takes.
pub const MIN_BLOB_PART: u64 = 5 * 1024 * 1024;
/// Longest part of a blob.
pub const MAX_BLOB_PART: u64 = 256 * 1024 * 1024;
/// Most parts of a blob whose addresses are asked for at once.
pub const MAX_BLOB_PARTS_ASKED: usize = 32;
/// Longest plaintext of a folder.
pub const MAX_FOLDER: usize = 32 * 1024 * 1024;
/// Most files of a folder.
pub const MAX_FOLDER_FILES: usize = 65_536;
/// Longest path of a file in a folder, in UTF-8.
pub const MAX_FOLDER_PATH: usize = 1024;
/// Longest `ETag` of a part.
pub const MAX_ETAG: usize = 128;
/// For how long after it was replaced a keystore version is kept, however many came after it.
pub const KEPT_KEYSTORE_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Longest name of a device or an agent, in UTF-8.
pub const MAX_DEVICE_NAME: usize = 128;
/// Largest sealed approval of a new device.
pub const MAX_APPROVAL: usize = 4096;
/// For how long the code of a new device counts.
pub const DEVICE_CODE_FOR: Duration = Duration::from_secs(10 * 60);

/// An Ed25519 public key.
pub const SIGNING_KEY: usize = 32;
/// An Ed25519 signature.
pub const SIGNATURE: usize = 64;
/// An X-Wing public key.
pub const HPKE_KEY: usize = 1216;
/// A wrap: HPKE enc (1,120) ‖ sealed secret (32 + 16).
pub const WRAP: usize = 1168;
/// An XChaCha20-Poly1305 nonce.
pub const NONCE: usize = 24;
/// A Poly1305 tag.
pub const TAG: usize = 16;
/// An epoch secret.
pub const SECRET: usize = 32;
/// A sealed previous epoch secret: nonce ‖ secret ‖ tag.
pub const SEALED_PREVIOUS: usize = NONCE + SECRET + TAG;
