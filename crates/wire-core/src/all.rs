//! The list of all wires of a thread, for those who walk over it.
//!
//! ```text
//!   head (in the scheduler) ⇄ oldest ⇄ … ⇄ newest ⇄ head      through Details::all
//! ```
//!
//! Every start and end of a wire links and unlinks here. A ring with a head has no ends to look out
//! for: linking is six instructions, unlinking four, where a general list takes three times as many.

use core::cell::Cell;
use core::mem::offset_of;
use core::ptr::{self, NonNull};

use crate::wire::Details;

/// The place of one wire in the list, or the head.
pub(crate) struct Links {
    next: Cell<*const Links>,
    previous: Cell<*const Links>,
}

impl Links {
    /// In no list; as a head, it has none until `make_head`.
    pub(crate) const fn new() -> Links {
        Links {
            next: Cell::new(ptr::null()),
            previous: Cell::new(ptr::null()),
        }
    }

    /// Makes this the head of an empty list.
    pub(crate) fn make_head(&self) {
        self.next.set(self);
        self.previous.set(self);
    }

    /// Takes over links made by `for_push`.
    pub(crate) fn copy(&self, links: &Links) {
        self.next.set(links.next.get());
        self.previous.set(links.previous.get());
    }

    /// Links for a wire that `push` is about to put at the end of the list that this is the head of.
    #[inline]
    pub(crate) fn for_push(&self) -> Links {
        Links {
            next: Cell::new(self),
            previous: Cell::new(self.previous.get()),
        }
    }

    /// Puts a wire at the end of the list that this is the head of.
    ///
    /// # Safety
    ///
    /// The details have the links that `for_push` just gave, and stay in place until `unlink`.
    #[inline]
    pub(crate) unsafe fn push(&self, details: &Details) {
        let links = &details.all;
        // SAFETY: what is linked stays in place while it is.
        unsafe { (*self.previous.replace(links)).next.set(links) };
    }

    /// # Safety
    ///
    /// This is linked and not a head.
    #[inline]
    pub(crate) unsafe fn unlink(&self) {
        let (next, previous) = (self.next.get(), self.previous.get());
        // SAFETY: as in `push`.
        unsafe {
            (*next).previous.set(previous);
            (*previous).next.set(next);
        }
    }

    /// The wire behind this one, or the first if this is the head; null at the end.
    ///
    /// # Safety
    ///
    /// This is linked in the list of `head`, or is that.
    pub(crate) unsafe fn after(&self, head: &Links) -> *const Details {
        match NonNull::new(self.next.get().cast_mut()) {
            // SAFETY: what is linked, and not the head, is this field of some wire's details.
            Some(next) if !ptr::eq(next.as_ptr(), head) => unsafe {
                next.byte_sub(offset_of!(Details, all)).cast().as_ptr()
            },
            _ => ptr::null(),
        }
    }
}
