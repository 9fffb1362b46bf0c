//! Buffers that connections share: whoever has something to do takes a desk, and leaves it when it
//! waits for the next request.
//!
//! So an idle connection has no buffers, and the busy ones use few, the same again and again, which
//! stay in the processor's cache. Memory is set aside for as many as there can be, but only touched
//! where it is used.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use crate::files::PIECE;
use crate::http::{HEAD_LIMIT, Input, Output, RESPONSE_MAX};

/// What serving a request takes.
pub(crate) struct Desk {
    pub(crate) input: Input<'static>,
    pub(crate) out: Output<'static>,
    /// What is on its way from a file.
    pub(crate) piece: &'static mut [u8],
}

/// The desks nobody works at. The one left last is taken first.
pub(crate) struct Desks {
    free: RefCell<Vec<&'static mut Desk>>,
}

impl Desks {
    /// So many, in memory that is never given back.
    pub(crate) fn new(count: u32) -> Desks {
        const SIZE: usize = HEAD_LIMIT + RESPONSE_MAX + PIECE;
        let memory = vec![0; SIZE * count as usize].leak();
        let desk = |memory: &'static mut [u8]| {
            let (input, rest) = memory.split_at_mut(HEAD_LIMIT);
            let (out, piece) = rest.split_at_mut(RESPONSE_MAX);
            Desk {
                input: Input::new(input),
                out: Output::new(out),
                piece,
            }
        };
        let desks: Vec<Desk> = memory.chunks_exact_mut(SIZE).map(desk).collect();
        Desks {
            free: RefCell::new(desks.leak().iter_mut().rev().collect()),
        }
    }

    /// A desk with empty buffers. `None` if all are taken.
    pub(crate) fn take(&self) -> Option<Taken<'_>> {
        let desk = self.free.borrow_mut().pop();
        desk.map(|desk| Taken {
            desk: Some(desk),
            desks: self,
        })
    }
}

/// A desk, free again when dropped.
pub(crate) struct Taken<'d> {
    /// There until dropped.
    desk: Option<&'static mut Desk>,
    desks: &'d Desks,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take() {
            desk.input.clear();
            desk.out.clear();
            self.desks.free.borrow_mut().push(desk);
        }
    }
}

impl Deref for Taken<'_> {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        self.desk.as_ref().expect("only dropping takes it")
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut Desk {
        self.desk.as_mut().expect("only dropping takes it")
    }
}
