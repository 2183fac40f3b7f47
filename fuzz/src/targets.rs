//! The list of all targets.

mod bodies;
mod evidence;
mod frames;
mod log;
mod membership;
mod opaque;
mod sealed;
mod signed;
mod texts;
mod websocket;

use crate::Target;

/// Every target there is.
pub const TARGETS: &[Target] = &[
    frames::CLIENT_FRAME,
    frames::RELAY_FRAME,
    signed::EVENT,
    signed::CONTROL,
    signed::MANIFEST,
    signed::SIGNAL,
    evidence::SIGNAL_CONTENT,
    evidence::CHECKPOINT,
    evidence::EVIDENCE,
    signed::BLOB_REFERENCE,
    signed::FOLDER,
    log::LOG,
    membership::MEMBERSHIP,
    sealed::KEYSTORE,
    sealed::CONTENT,
    sealed::APPROVAL,
    texts::CONTACT_CARD,
    texts::RECOVERY_CODE,
    texts::DEVICE_CODE,
    texts::IDS_AND_TOKENS,
    texts::FORWARDED_FOR,
    texts::CONFIGURATION,
    bodies::JSON_BODIES,
    opaque::OPAQUE_MESSAGES,
    websocket::FRAME_SCANNER,
];
