//! What the handlers work with.

use std::sync::Arc;

use sealpost_protocol::code::ErrorCode;

use super::{AskLog, HttpSettings, failure::Answer, failure::Failure};
use crate::{blobs::BlobService, directory::Directory};

/// What the relay says of itself.
#[derive(Clone, Debug)]
pub struct RelayIdentity {
    /// Version of the program.
    pub version: &'static str,
    /// WebSocket subprotocols it speaks.
    pub subprotocols: Vec<String>,
}

/// What the handlers work with. Clones share everything.
#[derive(Clone)]
pub struct HttpState(Arc<Parts>);

struct Parts {
    directory: Arc<Directory>,
    log: Arc<dyn AskLog>,
    blobs: Option<BlobService>,
    identity: RelayIdentity,
    settings: HttpSettings,
}

impl HttpState {
    /// The state of one relay; without a storage for blobs, there are none.
    pub fn new(
        directory: Arc<Directory>,
        log: Arc<dyn AskLog>,
        blobs: Option<BlobService>,
        identity: RelayIdentity,
        settings: HttpSettings,
    ) -> Self {
        Self(Arc::new(Parts {
            directory,
            log,
            blobs,
            identity,
            settings,
        }))
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    pub(super) fn log(&self) -> &dyn AskLog {
        &*self.0.log
    }

    /// The blobs of this relay.
    pub(super) fn blobs(&self) -> Answer<&BlobService> {
        let blobs = self.0.blobs.as_ref();
        blobs.ok_or_else(|| Failure::new(ErrorCode::NoBlobStorage))
    }

    pub(super) fn identity(&self) -> &RelayIdentity {
        &self.0.identity
    }

    pub(super) fn settings(&self) -> &HttpSettings {
        &self.0.settings
    }
}
