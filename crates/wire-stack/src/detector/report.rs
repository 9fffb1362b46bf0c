//! Writing from a signal handler: no allocation, no locks, no formatting machinery; digits made by
//! hand into one buffer, and one `write`.

use wire_core::outside::Glimpse;

use super::find::Side;

/// What is known of an overflow.
pub(super) struct Report {
    pub(super) wire: Glimpse,
    /// Who is called the running one, if it is not that wire.
    pub(super) running: Option<Glimpse>,
    pub(super) address: usize,
    pub(super) side: Side,
}

impl Report {
    pub(super) fn write(&self) {
        let (low, size) = self.wire.stack();
        let high = low + size;
        let mut text = Text::new();
        text.str("libwire: wire '").name(self.wire.name());
        match self.side {
            Side::Below => text.str("' overflowed its stack: fault at "),
            Side::Above => text.str("' underflowed its stack: fault at "),
        };
        text.hex(self.address).str(", ");
        match self.side {
            Side::Below => text.decimal(low - self.address).str(" bytes below "),
            Side::Above => text
                .decimal(self.address - high)
                .str(" bytes past the end of "),
        };
        text.str("the stack ")
            .hex(low)
            .str("..")
            .hex(high)
            .str(", ")
            .decimal(size)
            .str(" bytes");
        if let Some(running) = &self.running {
            text.str(" (while it switched to wire '")
                .name(running.name());
            text.str("', unless that one used a wrong pointer)");
        }
        match self.side {
            Side::Below => text.str(
                "\nlibwire: give it a larger stack (`stack_size` of the arena or pool, SIZE of the static), \
                 or move large arrays and deep recursion off the stack\n",
            ),
            Side::Above => text.str(
                "\nlibwire: something wrote or read past the oldest frame: look for a wrong index or pointer, \
                 not for a larger stack\n",
            ),
        };
        text.write();
    }
}

/// Enough for two long names.
const ROOM: usize = 1024;
/// No name takes more than this of it.
const NAME: usize = 128;

struct Text {
    bytes: [u8; ROOM],
    length: usize,
}

impl Text {
    fn new() -> Text {
        Text {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn str(&mut self, text: &str) -> &mut Text {
        text.bytes().for_each(|byte| self.byte(byte));
        self
    }

    /// A name may have any characters; those that would mean something to a terminal are escaped, as
    /// in all reports.
    fn name(&mut self, name: &str) -> &mut Text {
        let mut room = NAME;
        for shown in name.escape_debug() {
            let Some(left) = room.checked_sub(shown.len_utf8()) else {
                return self.str("...");
            };
            room = left;
            self.str(shown.encode_utf8(&mut [0; 4]));
        }
        self
    }

    fn hex(&mut self, number: usize) -> &mut Text {
        self.str("0x").digits(number, 16)
    }

    fn decimal(&mut self, number: usize) -> &mut Text {
        self.digits(number, 10)
    }

    fn digits(&mut self, number: usize, base: usize) -> &mut Text {
        let mut divisor = 1;
        while number / divisor >= base {
            divisor *= base;
        }
        while divisor > 0 {
            self.byte(b"0123456789abcdef"[number / divisor % base]);
            divisor /= base;
        }
        self
    }

    fn write(&self) {
        let mut rest = &self.bytes[..self.length];
        while !rest.is_empty() {
            // SAFETY: reads `rest`.
            let done =
                unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(done) {
                Ok(written) if written > 0 => rest = &rest[written.min(rest.len())..],
                // Nobody to tell.
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    fn text(make: impl FnOnce(&mut Text) -> &mut Text) -> Box<[u8]> {
        let mut text = Text::new();
        make(&mut text);
        text.bytes[..text.length].into()
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        for number in [0, 1, 9, 10, 15, 16, 255, 4096, usize::MAX - 1, usize::MAX] {
            assert_eq!(
                *text(|t| t.decimal(number)),
                *format!("{number}").into_bytes()
            );
            assert_eq!(
                *text(|t| t.hex(number)),
                *format!("{number:#x}").into_bytes()
            );
        }
    }

    #[test]
    fn names_cannot_talk_to_the_terminal() {
        assert_eq!(
            *text(|t| t.name("a\x1b[2J\nb\u{fc}\u{9b}1m\u{202e}")),
            *"a\\u{1b}[2J\\nb\u{fc}\\u{9b}1m\\u{202e}".as_bytes()
        );
        assert_eq!(*text(|t| t.name("")), *b"");
    }

    #[test]
    fn long_names_are_cut() {
        let name = "x".repeat(5000);
        assert_eq!(
            *text(|t| t.name(&name)),
            *format!("{}...", "x".repeat(128)).into_bytes()
        );
        let just = "x".repeat(128);
        assert_eq!(*text(|t| t.name(&just)), *just.as_bytes());
        // Not in the middle of a character.
        let name = format!("{}\u{6f22}", "x".repeat(126));
        assert_eq!(
            *text(|t| t.name(&name)),
            *format!("{}...", "x".repeat(126)).into_bytes()
        );
    }

    #[test]
    fn what_has_no_room_is_left_out() {
        assert_eq!(
            text(|t| {
                (0..2000).for_each(|_| t.byte(b'x'));
                t
            })
            .len(),
            super::ROOM
        );
    }
}
