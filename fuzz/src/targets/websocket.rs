//! The count of WebSocket frames in a raw stream.

use sealpost_relay::fuzzing::FrameScanner;

use crate::{Target, seeds};

pub const FRAME_SCANNER: Target = Target {
    name: "frame_scanner",
    what: "the raw bytes of a socket, as the relay counts their frames",
    run: |bytes| {
        let whole = FrameScanner::default().scan(bytes);
        let piece = usize::from(bytes.first().copied().unwrap_or(0) % 7) + 1;
        let mut scanner = FrameScanner::default();
        let in_pieces: u32 = bytes.chunks(piece).map(|piece| scanner.scan(piece)).sum();
        assert_eq!(
            whole, in_pieces,
            "the count does not depend on how the stream is cut"
        );
    },
    seeds: || seeds::of_texts(&["\u{2}\u{5}hello\u{0}\u{0}", "\u{9}\u{0}\u{2}\u{7e}\u{0}\u{3}abc"]),
};
