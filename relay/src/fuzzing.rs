//! Ways into parsers that are private to their modules, for the fuzz targets (crate `fuzz`). No part of the interface.

use std::net::IpAddr;

use bytes::Bytes;
use http::HeaderMap;
use sealpost_protocol::wire::ClientFrame;

pub use crate::ws::FrameScanner;

/// A frame of a client, as a socket decodes it; `None` where it would be closed.
#[must_use]
pub fn client_frame(message: Bytes) -> Option<ClientFrame> {
    crate::ws::decode_frame(message).ok()
}

/// The address a request counts for.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusts: impl Fn(IpAddr) -> bool) -> IpAddr {
    crate::http::client_address(peer, headers, trusts)
}
