//! Where a request's body ends.
//!
//! No page here wants a body, but the next request starts behind it, so it has to be skipped by
//! the rules of RFC 9112, section 6 and 7: a mistake here lets a client smuggle a request past
//! whoever checked the first one.

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// There is none.
    None,
    /// By `Content-Length`.
    Length(u64),
    /// By `Transfer-Encoding: chunked`.
    Chunked,
}

/// A body longer than this is not worth reading to the end: closing the connection is cheaper.
pub(crate) const SKIP_LIMIT: u64 = 64 * 1024;

/// Chunk extensions and trailers are bounded like everything a client sends.
const LINE_LIMIT: u32 = 1024;

/// The body broke the rules, or is too long to skip. What follows it cannot be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// What of the body is still to come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
}

impl Skip {
    /// Skips what `data` has of the body: how many bytes, and whether the body ended there.
    pub(crate) fn feed(&mut self, data: &[u8]) -> Result<(usize, bool), Lost> {
        match self {
            Skip::Length(left) => {
                let used = data.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= used as u64;
                Ok((used, *left == 0))
            }
            Skip::Chunked(chunks) => chunks.feed(data),
        }
    }
}

/// A chunked body, byte by byte.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunks {
    state: Chunk,
    /// Of the chunk being read.
    size: u64,
    /// Bytes of chunks so far.
    total: u64,
    /// Bytes of the line being read; of all trailers together.
    line: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Chunk {
    /// Before the first digit.
    #[default]
    Start,
    /// In the digits.
    Size,
    /// In white space between the digits and an extension.
    Space,
    /// In an extension, which means nothing here.
    Extension,
    /// After the size line's CR.
    SizeLf,
    /// In the data.
    Data,
    /// After the data, before its CR.
    DataCr,
    /// After the data's CR.
    DataLf,
    /// At the start of a trailer line.
    Trailer,
    /// In a trailer.
    TrailerText,
    /// After a trailer's CR.
    TrailerLf,
    /// After the CR of the empty line that ends it all.
    LastLf,
}

impl Chunks {
    fn feed(&mut self, data: &[u8]) -> Result<(usize, bool), Lost> {
        let mut at = 0;
        while at < data.len() {
            if self.state == Chunk::Data {
                let used = (data.len() - at).min(usize::try_from(self.size).unwrap_or(usize::MAX));
                self.size -= used as u64;
                at += used;
                if self.size == 0 {
                    self.state = Chunk::DataCr;
                }
                continue;
            }
            let last = self.state == Chunk::LastLf;
            self.state = self.next(data[at])?;
            at += 1;
            if last {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    fn next(&mut self, byte: u8) -> Result<Chunk, Lost> {
        use Chunk::*;
        Ok(match (self.state, byte) {
            (Start, _) if byte.is_ascii_hexdigit() => {
                (self.size, self.line) = (0, 0);
                self.digit(byte)?;
                Size
            }
            (Size, _) if byte.is_ascii_hexdigit() => {
                self.digit(byte)?;
                Size
            }
            (Size | Extension, b'\r') => SizeLf,
            (Size | Space, b';') => Extension,
            (Size | Space, b' ' | b'\t') => {
                self.count()?;
                Space
            }
            (Extension, _) if is_text(byte) => {
                self.count()?;
                Extension
            }
            (SizeLf, b'\n') if self.size == 0 => {
                self.line = 0;
                Trailer
            }
            (SizeLf, b'\n') => Data,
            (DataCr, b'\r') => DataLf,
            (DataLf, b'\n') => Start,
            (Trailer, b'\r') => LastLf,
            (TrailerText, b'\r') => TrailerLf,
            (Trailer | TrailerText, _) if is_text(byte) => {
                self.count()?;
                TrailerText
            }
            (TrailerLf, b'\n') => Trailer,
            (LastLf, b'\n') => Start,
            _ => return Err(Lost),
        })
    }

    /// The limit on the whole also keeps the size from overflowing.
    fn digit(&mut self, byte: u8) -> Result<(), Lost> {
        let digit = char::from(byte).to_digit(16).ok_or(Lost)?;
        let size = self.size * 16 + u64::from(digit);
        self.total += size - self.size;
        self.size = size;
        self.count()?;
        if self.total > SKIP_LIMIT {
            return Err(Lost);
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Lost> {
        self.line += 1;
        if self.line > LINE_LIMIT {
            return Err(Lost);
        }
        Ok(())
    }
}

/// What may stand in an extension or a trailer. A lone CR or LF may not: others might take it for
/// the line's end.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds all at once and byte by byte, which must agree.
    fn chunked(data: &[u8]) -> Result<(usize, bool), Lost> {
        let at_once = Chunks::default().feed(data);
        let mut chunks = Chunks::default();
        let mut used = 0;
        let mut piecemeal = Ok((data.len(), false));
        for byte in data.chunks(1) {
            match chunks.feed(byte) {
                Ok((n, ended)) => {
                    used += n;
                    if ended {
                        piecemeal = Ok((used, true));
                        break;
                    }
                }
                Err(lost) => {
                    piecemeal = Err(lost);
                    break;
                }
            }
        }
        assert_eq!(at_once, piecemeal);
        at_once
    }

    #[test]
    fn a_length_is_counted_down() {
        let mut skip = Skip::Length(5);
        assert_eq!(skip.feed(b"abc"), Ok((3, false)));
        assert_eq!(skip.feed(b"deGET"), Ok((2, true)));
    }

    #[test]
    fn chunks_end_where_they_should() {
        assert_eq!(chunked(b"0\r\n\r\nGET"), Ok((5, true)));
        assert_eq!(
            chunked(b"3\r\nabc\r\nA\r\n0123456789\r\n00\r\n\r\nGET"),
            Ok((29, true))
        );
        assert_eq!(chunked(b"3\r\nabc\r\n"), Ok((8, false)));
    }

    #[test]
    fn extensions_and_trailers_are_passed_over() {
        let body = b"1;name=\"v\"\r\na\r\n1 ;x\r\nb\r\n0;last\r\nA: b\r\nC: d\r\n\r\n";
        assert_eq!(chunked(body), Ok((body.len(), true)));
    }

    #[test]
    fn broken_chunks_lose_the_end() {
        for body in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"0x1\r\n",
            b"1\na\r\n",
            b"1 \r\n",
            b"1 1\r\n",
            b"1\rx",
            b"1\r\nab",
            b"1\r\na\n",
            b"1\r\na\r\r",
            b"1;\n\r\na",
            b"1;\0\r\n",
            b"0\r\nA: \n\r\n",
            b"0\r\n\rx",
            b"0\r\n\n",
        ] {
            assert_eq!(chunked(body), Err(Lost), "{:?}", body.escape_ascii());
        }
    }

    #[test]
    fn what_is_endless_is_given_up() {
        assert_eq!(chunked(b"10001\r\n"), Err(Lost));
        assert_eq!(chunked(b"fffffffffffffffff\r\n"), Err(Lost));
        assert_eq!(chunked(&[b'0'; 2000]), Err(Lost));
        let mut extension = b"1;".to_vec();
        extension.resize(2000, b'x');
        assert_eq!(chunked(&extension), Err(Lost));
        let mut trailers = b"0\r\n".to_vec();
        trailers.extend(b"a: b\r\n".repeat(400));
        assert_eq!(chunked(&trailers), Err(Lost));
        let small = b"1\r\na\r\n".repeat(70_000);
        assert_eq!(Chunks::default().feed(&small), Err(Lost));
    }
}
