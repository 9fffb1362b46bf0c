//! The list of all wires of a thread, for those who walk over it.
//!
//! ```text
//!   head (in the scheduler) ⇄ W ⇄ … ⇄ W ⇄ head      through Details::all
//! ```
//!
//! Who waits in some queue is to be found nowhere else; who never has is in the ring of ready wires. So
//! a wire is listed when it first blocks, or when somebody comes to look, and one that runs and ends
//! without either never is.

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
    /// For `debug`.
    pub(crate) const NEXT: usize = offset_of!(Links, next);

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

    /// Puts a wire at the end of the list that this is the head of.
    ///
    /// # Safety
    ///
    /// The details are in no list, and stay in place until `unlink`.
    pub(crate) unsafe fn push(&self, details: &Details) {
        let links = details.all.get().cast::<Links>();
        let last = self.previous.replace(links);
        // SAFETY: nobody refers to links that are in no list; what is linked stays in place while it is.
        unsafe {
            links.write(Links {
                next: Cell::new(self),
                previous: Cell::new(last),
            });
            (*last).next.set(links);
        }
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

    /// The wire behind this one, or the first if this is the head; null at the end, and before
    /// `make_head`.
    pub(crate) fn behind(&self, head: &Links) -> *const Details {
        match NonNull::new(self.next.get().cast_mut()) {
            // SAFETY: what is linked, and not the head, is this field of some wire's details.
            Some(next) if !ptr::eq(next.as_ptr(), head) => unsafe {
                next.byte_sub(offset_of!(Details, all)).cast().as_ptr()
            },
            _ => ptr::null(),
        }
    }
}
