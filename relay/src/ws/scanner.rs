//! Counts WebSocket frames in a byte stream without looking into them.
//!
//! tungstenite does not tell of frames that complete no message, and swallows them as fast as they come: without a count,
//! empty continuation frames cost a core (13 million a second from one client were measured).

/// RFC 6455 section 5.2: two bytes, up to eight of length, four of mask.
const MAX_HEADER: usize = 14;

/// The bit of the last frame of a message.
const FINAL: u8 = 0x80;
/// The bit of a control frame, which may come between the frames of a message.
const CONTROL: u8 = 0x08;

/// Where in a frame, and in a message, the stream stands.
#[derive(Debug, Default)]
pub struct FrameScanner {
    header: [u8; MAX_HEADER],
    header_length: usize,
    payload_left: u64,
    fragments: u32,
    most_fragments: u32,
}

impl FrameScanner {
    /// Reads on; returns how many frame headers were completed by `bytes`.
    pub fn scan(&mut self, mut bytes: &[u8]) -> u32 {
        let mut frames = 0;
        loop {
            bytes = self.skip_payload(bytes);
            let Some((first, rest)) = bytes.split_first() else {
                return frames;
            };
            bytes = rest;
            frames += u32::from(self.push_header(*first));
        }
    }

    /// The most frames that a message came in so far, the one that has not ended included.
    #[must_use]
    pub fn most_fragments(&self) -> u32 {
        self.most_fragments
    }

    fn skip_payload<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let skipped = usize::try_from(self.payload_left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.payload_left -= skipped as u64;
        &bytes[skipped..]
    }

    fn push_header(&mut self, byte: u8) -> bool {
        self.header[self.header_length] = byte;
        self.header_length += 1;
        let complete = self.header_length >= 2 && self.header_length == self.expected_header();
        if complete {
            self.payload_left = self.payload_length();
            self.header_length = 0;
            self.count_fragment();
        }
        complete
    }

    fn count_fragment(&mut self) {
        let first = self.header[0];
        if first & CONTROL != 0 {
            return;
        }
        self.fragments = self.fragments.saturating_add(1);
        self.most_fragments = self.most_fragments.max(self.fragments);
        if first & FINAL != 0 {
            self.fragments = 0;
        }
    }

    fn expected_header(&self) -> usize {
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + mask
    }

    fn payload_length(&self) -> u64 {
        let extended = |length: usize| {
            self.header[2..2 + length]
                .iter()
                .fold(0, |value, byte| (value << 8) | u64::from(*byte))
        };
        match self.header[1] & 0x7f {
            126 => extended(2),
            127 => extended(8),
            short => u64::from(short),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(payload: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut bytes = vec![0x82];
        match payload {
            0..126 => bytes.push(mask | u8::try_from(payload).unwrap()),
            126..65_536 => {
                bytes.push(mask | 126);
                bytes.extend(u16::try_from(payload).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.resize(bytes.len() + if masked { 4 } else { 0 } + payload, 0xff);
        bytes
    }

    proptest! {
        #[test]
        fn every_frame_is_counted_once_however_the_stream_is_cut(
            frames in proptest::collection::vec((prop_oneof![0_usize..200, Just(65_536), 60_000_usize..70_000], any::<bool>()), 0..6),
            piece in 1_usize..5_000,
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(payload, masked)| frame(*payload, *masked)).collect();
            let mut scanner = FrameScanner::default();
            let counted: u32 = bytes.chunks(piece).map(|piece| scanner.scan(piece)).sum();
            prop_assert_eq!(counted as usize, frames.len());
        }

        #[test]
        fn the_frames_of_a_message_are_counted_and_pings_between_them_are_not(
            messages in proptest::collection::vec(1_u32..20, 0..6),
            pings in 0_usize..3,
            piece in 1_usize..50,
        ) {
            let pings = [0x89, 0x80, 0, 0, 0, 0].repeat(pings);
            let mut bytes = Vec::new();
            for frames in &messages {
                for number in 1..=*frames {
                    let last = if number == *frames { FINAL } else { 0 };
                    bytes.extend([last | (0x02 * u8::from(number == 1)), 0x80, 0, 0, 0, 0]);
                    bytes.extend(&pings);
                }
            }
            let mut scanner = FrameScanner::default();
            bytes.chunks(piece).for_each(|piece| {
                scanner.scan(piece);
            });
            prop_assert_eq!(scanner.most_fragments(), messages.into_iter().max().unwrap_or(0));
        }

        #[test]
        fn any_bytes_are_scanned_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            FrameScanner::default().scan(&bytes);
        }
    }
}
