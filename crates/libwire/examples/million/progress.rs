//! A line that tells how far it is, and numbers one can read.

use std::fmt;
use std::io::{IsTerminal, Write};

/// Rewritten at each percent on a terminal; elsewhere only its last state is printed.
pub(crate) struct Progress {
    what: &'static str,
    all: usize,
    reached: usize,
    next: usize,
    terminal: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, all: usize) -> Progress {
        Progress {
            what,
            all,
            reached: 0,
            next: 0,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    pub(crate) fn reached(&mut self, count: usize) {
        self.reached = count;
        if self.terminal && count >= self.next {
            self.next = count + self.all / 100;
            self.print("\r");
        }
    }

    fn print(&self, end: &str) {
        let Progress {
            what, all, reached, ..
        } = self;
        let (reached, all) = (Grouped(*reached), Grouped(*all));
        // Nobody to tell is no reason to stop.
        let _ = write!(std::io::stderr(), "{reached} of {all} {what}{end}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.print("\n");
    }
}

/// A number in groups of three digits.
pub(crate) struct Grouped(pub(crate) usize);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}
