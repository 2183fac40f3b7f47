//! `[sockets]`: what one WebSocket may do. The section itself is [`SocketSettings`].

use sealpost_protocol::limits;

use super::error::Problems;
use crate::ws::SocketSettings;

/// A page has one entry at least, whatever its size, and must fit into a frame.
const LARGEST_PAGE: usize = limits::MAX_FRAME / 2;

pub(super) fn check(settings: &SocketSettings, problems: &mut Problems) {
    for (number, key) in [
        (settings.max_sockets, "sockets.max_sockets"),
        (
            settings.max_sockets_per_address,
            "sockets.max_sockets_per_address",
        ),
        (
            settings.max_sockets_per_account,
            "sockets.max_sockets_per_account",
        ),
        (settings.max_sockets_per_agent, "sockets.max_sockets_per_agent"),
        (settings.max_requests_in_flight, "sockets.max_requests_in_flight"),
        (
            settings.max_request_bytes_in_flight,
            "sockets.max_request_bytes_in_flight",
        ),
    ] {
        problems.demand(number > 0, key, "must not be 0");
    }
    problems.demand(
        settings.authenticate_within_ms > 0,
        "sockets.authenticate_within_ms",
        "must not be 0",
    );
    problems.demand(
        settings.ping_interval_ms > 0,
        "sockets.ping_interval_ms",
        "must not be 0",
    );
    problems.demand(
        (1..=LARGEST_PAGE).contains(&settings.page_bytes),
        "sockets.page_bytes",
        "must be between 1 and half the largest frame, 131072",
    );
}
