//! RESP2, the protocol of Redis: commands are arrays of strings, replies are trees of pieces.

use anyhow::{Context, Result, bail};

/// A piece of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A line: a status or a number.
    Line(&'a [u8]),
    /// A string of any bytes.
    Bulk(&'a [u8]),
    /// A string or an array that is not there.
    Nil,
    /// An array of so many.
    Array(usize),
}

/// Puts a command behind `output`, of these words and `more` that the caller adds.
pub(super) fn command(words: &[&[u8]], more: usize, output: &mut Vec<u8>) {
    output.extend_from_slice(format!("*{}\r\n", words.len() + more).as_bytes());
    for word in words {
        output.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        output.extend_from_slice(word);
        output.extend_from_slice(b"\r\n");
    }
}

/// The length of the first reply; `None` until it is whole.
///
/// # Errors
/// When it is an error, or no reply at all.
pub(super) fn first_reply(bytes: &[u8]) -> Result<Option<usize>> {
    let (mut length, mut missing) = (0, 1);
    while missing > 0 {
        let Some((piece, taken)) = first_piece(&bytes[length..])? else {
            return Ok(None);
        };
        length += taken;
        missing -= 1;
        if let Piece::Array(count) = piece {
            missing += count;
        }
    }
    Ok(Some(length))
}

/// The first piece and its length; `None` until it is whole.
fn first_piece(bytes: &[u8]) -> Result<Option<(Piece<'_>, usize)>> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or_default();
    let Some((kind, line)) = line.split_first() else {
        bail!("Redis sent an empty line");
    };
    let behind = end + 1;
    let piece = match (kind, line) {
        (b'-', _) => bail!("Redis refused: {}", String::from_utf8_lossy(line)),
        (b'+' | b':', _) => Piece::Line(line),
        (b'$' | b'*', b"-1") => Piece::Nil,
        (b'*', _) => Piece::Array(number(line)?),
        (b'$', _) => {
            let length = number(line)?;
            let Some(bulk) = bytes.get(behind..behind + length + 2) else {
                return Ok(None);
            };
            return Ok(Some((Piece::Bulk(&bulk[..length]), behind + length + 2)));
        }
        _ => bail!("Redis sent {:?}", String::from_utf8_lossy(&bytes[..end])),
    };
    Ok(Some((piece, behind)))
}

fn number(digits: &[u8]) -> Result<usize> {
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse::<u32>().ok());
    let number = number.with_context(|| format!("Redis sent the length {digits:?}"))?;
    Ok(usize::try_from(number)?)
}

/// The pieces of a whole reply, in their order.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    /// Those of a reply.
    pub(super) fn of(reply: &'a [u8]) -> Self {
        Self { rest: reply }
    }

    /// The next one, which is a string.
    pub(super) fn bulk(&mut self) -> Result<&'a [u8]> {
        match self.next()? {
            Piece::Bulk(bytes) => Ok(bytes),
            other => bail!("Redis sent {other:?} where a string was due"),
        }
    }

    /// The length of the next one, which is an array.
    pub(super) fn array(&mut self) -> Result<usize> {
        match self.next()? {
            Piece::Array(count) => Ok(count),
            other => bail!("Redis sent {other:?} where an array was due"),
        }
    }

    fn next(&mut self) -> Result<Piece<'a>> {
        let (piece, length) = first_piece(self.rest)?.context("the reply is too short")?;
        self.rest = &self.rest[length..];
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree: a string with a line break in it, and an array of a number and a status.
    const TREE: &[u8] = b"*2\r\n$4\r\na\r\nb\r\n*3\r\n:12\r\n+OK\r\n$-1\r\n";

    #[test]
    fn cut_reply_is_not_whole() {
        for cut in 0..TREE.len() {
            assert_eq!(first_reply(&TREE[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(first_reply(TREE).unwrap(), Some(TREE.len()));
    }

    #[test]
    fn first_of_several_replies_ends_where_the_next_begins() {
        let several = [TREE, b"+OK\r\n", b"$0\r\n\r\n"].concat();
        assert_eq!(first_reply(&several).unwrap(), Some(TREE.len()));
        assert_eq!(first_reply(&several[TREE.len()..]).unwrap(), Some(5));
        assert_eq!(first_reply(&several[TREE.len() + 5..]).unwrap(), Some(6));
    }

    #[test]
    fn pieces_come_in_their_order() {
        let mut pieces = Pieces::of(TREE);
        assert_eq!(pieces.array().unwrap(), 2);
        assert_eq!(pieces.bulk().unwrap(), b"a\r\nb");
        assert_eq!(pieces.array().unwrap(), 3);
        assert!(pieces.bulk().is_err(), "a number is no string");
        assert_eq!(pieces.next().unwrap(), Piece::Line(b"OK"));
        assert_eq!(pieces.next().unwrap(), Piece::Nil);
        assert!(pieces.next().is_err(), "there is nothing more");
    }

    #[test]
    fn error_is_told_wherever_it_stands() {
        for reply in [
            &b"-ERR no such thing\r\n"[..],
            b"*2\r\n+OK\r\n-ERR no such thing\r\n",
        ] {
            let refused = first_reply(reply).unwrap_err().to_string();
            assert!(refused.contains("ERR no such thing"), "{refused}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bytes in [&b"HTTP/1.1 400\r\n"[..], b"\r\n", b"\n", b"$x\r\n", b"*-7\r\n"] {
            assert!(first_reply(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn command_is_an_array_of_strings() {
        let mut output = Vec::new();
        command(&[b"GET", b"key"], 1, &mut output);
        assert_eq!(output, b"*3\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
    }
}
