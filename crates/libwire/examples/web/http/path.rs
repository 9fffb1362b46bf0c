//! From the path of a request to the name of a file below the server's root.
//!
//! This takes out what a name could use to climb: the kernel's part, symbolic links, is left to
//! whoever opens the file (`openat2` with `RESOLVE_BENEATH`).

use std::ffi::CStr;

use super::response::Status;

/// Room for a decoded name and its final NUL. Longer ones name no file.
pub(crate) const PATH_MAX: usize = 1024;

/// Decodes the percent escapes of `raw` into `buffer`, without empty and `.` segments. The result
/// is relative, and `.` for the root itself.
///
/// # Errors
///
/// 400 for a broken escape, 403 for a name that climbs, 404 for one that is too long.
pub(crate) fn decode<'m>(raw: &[u8], buffer: &'m mut [u8; PATH_MAX]) -> Result<&'m CStr, Status> {
    let mut length = 0;
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                // Two digits fit.
                value.ok_or(Status::BadRequest)? as u8
            }
            byte => byte,
        };
        match byte {
            // Cuts the name short for the kernel; a separator where some client came from.
            0 | b'\\' => return Err(Status::Forbidden),
            b'/' => length = end_segment(buffer, length)?,
            byte => {
                // Room for a slash, or the dot of the root, and the final NUL.
                if length + 2 >= PATH_MAX {
                    return Err(Status::NotFound);
                }
                buffer[length] = byte;
                length += 1;
            }
        }
    }
    length = end_segment(buffer, length)?;
    // The slash after the last segment.
    length = length.saturating_sub(1);
    if length == 0 {
        buffer[0] = b'.';
        length = 1;
    }
    buffer[length] = 0;
    CStr::from_bytes_with_nul(&buffer[..=length]).map_err(|_| Status::Forbidden)
}

/// Ends the segment that the first `length` bytes end with by a slash, unless it adds nothing.
/// Gives the new length.
fn end_segment(buffer: &mut [u8; PATH_MAX], length: usize) -> Result<usize, Status> {
    let path = &buffer[..length];
    let start = path
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |at| at + 1);
    match &path[start..] {
        b"" | b"." => Ok(start),
        b".." => Err(Status::Forbidden),
        _ => {
            buffer[length] = b'/';
            Ok(length + 1)
        }
    }
}

/// The media type that a file's extension stands for.
pub(crate) fn media_type(path: &[u8]) -> &'static str {
    const TYPES: &[(&str, &str)] = &[
        ("html", "text/html; charset=utf-8"),
        ("htm", "text/html; charset=utf-8"),
        ("css", "text/css; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("mjs", "text/javascript; charset=utf-8"),
        ("json", "application/json"),
        ("txt", "text/plain; charset=utf-8"),
        ("md", "text/markdown; charset=utf-8"),
        ("rs", "text/plain; charset=utf-8"),
        ("toml", "text/plain; charset=utf-8"),
        ("csv", "text/csv; charset=utf-8"),
        ("xml", "application/xml"),
        ("pdf", "application/pdf"),
        ("wasm", "application/wasm"),
        ("zip", "application/zip"),
        ("gz", "application/gzip"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("gif", "image/gif"),
        ("webp", "image/webp"),
        ("avif", "image/avif"),
        ("ico", "image/x-icon"),
        ("woff", "font/woff"),
        ("woff2", "font/woff2"),
        ("mp3", "audio/mpeg"),
        ("mp4", "video/mp4"),
        ("webm", "video/webm"),
    ];
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let extension = match name.iter().rposition(|&byte| byte == b'.') {
        // A leading dot hides a file and is no extension.
        Some(dot @ 1..) => &name[dot + 1..],
        _ => b"",
    };
    TYPES
        .iter()
        .find(|(known, _)| extension.eq_ignore_ascii_case(known.as_bytes()))
        .map_or("application/octet-stream", |(_, media)| media)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &str) -> Result<String, Status> {
        let mut buffer = [0xff; PATH_MAX];
        decode(raw.as_bytes(), &mut buffer).map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn names_are_decoded_and_made_plain() {
        for (raw, name) in [
            ("", "."),
            (".", "."),
            ("a.txt", "a.txt"),
            ("a/b/c", "a/b/c"),
            ("a//b/./c/", "a/b/c"),
            ("/a", "a"),
            ("a%20b", "a b"),
            ("%C3%a4", "ä"),
            ("a%2Fb", "a/b"),
            ("..a/b..", "..a/b.."),
            (".../x", ".../x"),
            ("a+b", "a+b"),
            ("%252e%252e/x", "%2e%2e/x"),
        ] {
            assert_eq!(decoded(raw).as_deref(), Ok(name), "{raw}");
        }
    }

    #[test]
    fn names_that_climb_are_forbidden() {
        for raw in [
            "..",
            "../x",
            "a/../../x",
            "a/..",
            "%2e%2e/x",
            ".%2E/x",
            "..%2fx",
            "a%2f..%2f..%2fx",
            "a%00.txt",
            "a\\b",
            "..%5cx",
        ] {
            assert_eq!(decoded(raw), Err(Status::Forbidden), "{raw}");
        }
    }

    #[test]
    fn broken_escapes_are_refused() {
        for raw in ["%", "a%", "%4", "%zz", "%4g", "%+1", "%é1"] {
            assert_eq!(decoded(raw), Err(Status::BadRequest), "{raw}");
        }
    }

    #[test]
    fn the_longest_name_still_fits() {
        assert_eq!(decoded(&"x".repeat(PATH_MAX)), Err(Status::NotFound));
        assert_eq!(decoded(&"x".repeat(PATH_MAX - 1)), Err(Status::NotFound));
        let longest = "x".repeat(PATH_MAX - 2);
        assert_eq!(decoded(&longest), Ok(longest.clone()));
        assert_eq!(decoded(&"a/".repeat(PATH_MAX)), Err(Status::NotFound));
        assert_eq!(decoded(&"/".repeat(PATH_MAX)).as_deref(), Ok("."));
    }

    #[test]
    fn extensions_tell_the_type() {
        assert_eq!(media_type(b"a/b.HTML"), "text/html; charset=utf-8");
        assert_eq!(media_type(b"x.tar.gz"), "application/gzip");
        for plain in [&b"README"[..], b".png", b"a.png/b", b"a.", b"."] {
            assert_eq!(media_type(plain), "application/octet-stream");
        }
    }
}
