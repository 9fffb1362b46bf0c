//! The two byte buffers of a connection, in memory the caller lends.

use std::fmt;
use std::ops::Range;

use super::HEAD_LIMIT;
use super::response::RESPONSE_MAX;

/// What was read and not yet understood.
///
/// ```text
///   0 ─────── start ─────────── end ──────────── len
///     used up       data               spare
/// ```
#[derive(Debug)]
pub(crate) struct Input<'m> {
    bytes: &'m mut [u8],
    start: usize,
    end: usize,
}

impl<'m> Input<'m> {
    /// An empty one.
    ///
    /// # Panics
    ///
    /// If `bytes` has no room for the longest head, which is [`HEAD_LIMIT`].
    pub(crate) fn new(bytes: &'m mut [u8]) -> Input<'m> {
        assert!(bytes.len() >= HEAD_LIMIT, "no room for a head");
        Input {
            bytes,
            start: 0,
            end: 0,
        }
    }

    /// What was read and not yet used up.
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Where a part of the data lies. Stays true until the next read.
    pub(super) fn place_of(&self, part: &[u8]) -> Range<usize> {
        let start = part.as_ptr().addr() - self.bytes.as_ptr().addr();
        start..start + part.len()
    }

    /// What lies at such a place.
    pub(super) fn at(&self, place: &Range<usize>) -> &[u8] {
        &self.bytes[place.clone()]
    }

    /// Where to read to; tell [`filled`](Input::filled) how much came. Never empty after
    /// [`Step::Read`](super::Step::Read).
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        &mut self.bytes[self.end..]
    }

    /// Takes the first `n` bytes of [`spare`](Input::spare) as read.
    pub(crate) fn filled(&mut self, n: usize) {
        assert!(n <= self.bytes.len() - self.end, "more than there is room");
        self.end += n;
    }

    /// Drops the first `n` bytes of the data.
    pub(super) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.end - self.start);
        self.start += n;
    }

    /// Makes all free room spare. Costs nothing where a client waits for each response.
    pub(super) fn compact(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    /// Drops what is there.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }
}

/// Responses on their way out.
#[derive(Debug)]
pub(crate) struct Output<'m> {
    bytes: &'m mut [u8],
    start: usize,
    end: usize,
}

impl<'m> Output<'m> {
    /// An empty one.
    ///
    /// # Panics
    ///
    /// If `bytes` has no room for the longest response, which is [`RESPONSE_MAX`].
    pub(crate) fn new(bytes: &'m mut [u8]) -> Output<'m> {
        assert!(bytes.len() >= RESPONSE_MAX, "no room for a response");
        Output {
            bytes,
            start: 0,
            end: 0,
        }
    }

    /// What is to be sent; tell [`sent`](Output::sent) how much was.
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether everything was sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `n` bytes of the data.
    pub(crate) fn sent(&mut self, n: usize) {
        assert!(n <= self.end - self.start, "more than there was");
        self.start += n;
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Drops what is there.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Whether the next response is sure to fit.
    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() - self.end >= RESPONSE_MAX
    }

    /// Appends bytes. Callers keep to [`has_room`](Output::has_room), and tests to
    /// [`RESPONSE_MAX`].
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.end..][..bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }
}

impl fmt::Write for Output<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.push(s.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_keeps_what_is_unused_and_regains_room() {
        let mut memory = [0; HEAD_LIMIT];
        let mut input = Input::new(&mut memory);
        input.spare()[..6].copy_from_slice(b"abcdef");
        input.filled(6);
        input.consume(4);
        assert_eq!(input.data(), b"ef");
        assert_eq!(input.spare().len(), HEAD_LIMIT - 6);
        input.compact();
        assert_eq!(input.data(), b"ef");
        assert_eq!(input.spare().len(), HEAD_LIMIT - 2);
    }

    #[test]
    fn output_is_sent_in_pieces() {
        let mut memory = [0; RESPONSE_MAX];
        let mut output = Output::new(&mut memory);
        output.push(b"abc");
        assert!(!output.has_room());
        output.sent(2);
        assert_eq!(output.data(), b"c");
        output.sent(1);
        assert!(output.is_empty() && output.has_room());
    }
}
