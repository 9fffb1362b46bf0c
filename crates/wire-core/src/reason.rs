//! What a blocked wire waits for, as lists of wires and the stuck report show it.

use core::fmt;
use core::mem::offset_of;
use core::ptr;

/// A kind of waiting, one `static` each: "channel receive", "join", "sleep".
#[derive(Debug)]
pub struct Kind {
    name: &'static str,
}

impl Kind {
    /// For `debug`.
    pub(crate) const NAME_OFFSET: usize = offset_of!(Kind, name);

    /// A kind with the name that reports print.
    pub const fn new(name: &'static str) -> Kind {
        Kind { name }
    }

    /// The name given.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// Why a wire blocks: a kind and the object it waits on. Two words, only ever stored and printed.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    kind: &'static Kind,
    object: *const (),
}

impl Reason {
    /// For `debug`: kind, object.
    pub(crate) const LAYOUT: [usize; 2] = [offset_of!(Reason, kind), offset_of!(Reason, object)];

    /// Waiting of this kind, on nothing in particular.
    pub const fn new(kind: &'static Kind) -> Reason {
        Reason {
            kind,
            object: ptr::null(),
        }
    }

    /// Waiting of this kind on `object`. Only its address is kept.
    pub const fn on<T>(kind: &'static Kind, object: *const T) -> Reason {
        Reason {
            kind,
            object: object.cast(),
        }
    }

    /// The kind.
    pub const fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// The address of the object waited on, or null.
    pub const fn object(&self) -> *const () {
        self.object
    }

    pub(crate) fn is(&self, kind: &'static Kind) -> bool {
        ptr::eq(self.kind, kind)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.name.escape_debug())?;
        if !self.object.is_null() {
            write!(f, " at {:p}", self.object)?;
        }
        Ok(())
    }
}
