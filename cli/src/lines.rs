//! Lines of a stream, with a bound: what is longer takes no memory, and the lines behind it are read all the same.

use std::io::{self, BufRead, ErrorKind};

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// It is longer than it may be, and gone.
    TooLong,
}

/// The lines of an input.
pub(crate) struct Lines<R> {
    input: R,
    gathered: Gathered,
}

/// What was read of the line that comes next.
struct Gathered {
    longest: usize,
    number: u64,
    line: Option<Line>,
}

impl<R> Lines<R> {
    /// Reads lines of at most `longest` bytes.
    pub(crate) fn new(input: R, longest: usize) -> Self {
        let gathered = Gathered {
            longest,
            number: 0,
            line: None,
        };
        Self { input, gathered }
    }

    /// The number of the line that came last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.gathered.number
    }
}

impl<R: BufRead> Lines<R> {
    /// The next line; `None` at the end of the input.
    pub(crate) fn next_blocking(&mut self) -> io::Result<Option<Line>> {
        loop {
            let read = match self.input.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            let is_end = read.is_empty();
            let (taken, line) = self.gathered.take(read);
            self.input.consume(taken);
            if is_end || line.is_some() {
                return Ok(line);
            }
        }
    }
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The next line; `None` at the end of the input. Dropped before it returns, it loses nothing.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let read = self.input.fill_buf().await?;
            let is_end = read.is_empty();
            let (taken, line) = self.gathered.take(read);
            self.input.consume(taken);
            if is_end || line.is_some() {
                return Ok(line);
            }
        }
    }
}

impl Gathered {
    /// Takes what was read, up to the end of a line; nothing is the end of the input. Gives how many bytes it took, and the line
    /// that ends there.
    fn take(&mut self, read: &[u8]) -> (usize, Option<Line>) {
        if read.is_empty() {
            return (0, self.finish());
        }
        let end = read.iter().position(|byte| *byte == b'\n');
        let part = &read[..end.unwrap_or(read.len())];
        match self.line.get_or_insert(Line::Whole(Vec::new())) {
            Line::Whole(line) if line.len() + part.len() <= self.longest => line.extend_from_slice(part),
            line => *line = Line::TooLong,
        }
        match end {
            Some(end) => (end + 1, self.finish()),
            None => (part.len(), None),
        }
    }

    fn finish(&mut self) -> Option<Line> {
        self.number += u64::from(self.line.is_some());
        self.line.take()
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    const LONGEST: usize = 5;

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    /// Reads both ways, in parts of every size: they agree.
    fn lines(input: &[u8]) -> Vec<Line> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut first = None;
        for capacity in 1..=input.len() + 1 {
            let blocking = read_blocking(input, capacity);
            let buffered = tokio::io::BufReader::with_capacity(capacity, input);
            assert_eq!(runtime.block_on(read(buffered)), blocking);
            assert_eq!(*first.get_or_insert(blocking.clone()), blocking);
        }
        first.expect("there is one capacity at least")
    }

    fn read_blocking(input: &[u8], capacity: usize) -> Vec<Line> {
        let mut lines = Lines::new(BufReader::with_capacity(capacity, input), LONGEST);
        let mut read = Vec::new();
        while let Some(line) = lines.next_blocking().unwrap() {
            read.push(line);
            assert_eq!(lines.number(), read.len() as u64);
        }
        read
    }

    async fn read(input: impl AsyncBufRead + Unpin) -> Vec<Line> {
        let mut lines = Lines::new(input, LONGEST);
        let mut read = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            read.push(line);
        }
        read
    }

    #[test]
    fn lines_end_with_their_newline_or_with_the_input() {
        assert_eq!(lines(b"one\n\nthree"), ["one", "", "three"].map(whole));
        assert_eq!(lines(b"one\n"), [whole("one")]);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn line_that_is_too_long_is_skipped_and_those_behind_it_are_read() {
        assert_eq!(lines(b"12345\n"), [whole("12345")]);
        let expected = [whole("a"), Line::TooLong, whole("b"), Line::TooLong];
        assert_eq!(lines(b"a\n123456789\nb\n123456"), expected);
    }
}
