//! A bounded queue between OS threads, with those who wait at either end.
//!
//! ```text
//!             senders: full ──► Waiter ─► Waiter          each in the frame of who waits
//!                        │
//!   send ──► ┌───┬───┬───┬───┐ ──► recv                   N slots, in the queue itself
//!            └───┴───┴───┴───┘
//!                        │
//!           receivers: empty ──► Waiter ─► Waiter
//! ```
//!
//! A waiter is taken off its list first and told afterwards, once; its frame stays until then, even if
//! it has lost interest meanwhile, and then it tells the next in its place. How one is told is its own
//! affair: a wire by post, an OS thread by being unparked. `tests/loom.rs` tries all orders of the steps.

use std::cell::Cell;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::PoisonError;

// `tests/loom.rs` compiles this file with its own version.
use crate::sync::Mutex;

/// Somebody who waits. Its fields belong to the queue's lock.
pub(crate) struct Waiter {
    next: Cell<*const Waiter>,
    /// Called once it is off its list; the waiter may be gone when this returns.
    tell: unsafe fn(NonNull<Waiter>),
}

impl Waiter {
    pub(crate) fn new(tell: unsafe fn(NonNull<Waiter>)) -> Waiter {
        Waiter {
            next: Cell::new(ptr::null()),
            tell,
        }
    }
}

/// Waiters, oldest first.
struct List {
    first: *const Waiter,
    last: *const Waiter,
}

impl List {
    const fn new() -> List {
        List {
            first: ptr::null(),
            last: ptr::null(),
        }
    }

    /// # Safety
    ///
    /// The waiter is in no list, and stays until it was taken out.
    unsafe fn push(&mut self, waiter: NonNull<Waiter>) {
        // SAFETY: waiters stay while they are listed, and the lock is held.
        unsafe {
            waiter.as_ref().next.set(ptr::null());
            match self.last.as_ref() {
                Some(last) => last.next.set(waiter.as_ptr()),
                None => self.first = waiter.as_ptr(),
            }
        }
        self.last = waiter.as_ptr();
    }

    fn pop(&mut self) -> Option<NonNull<Waiter>> {
        let first = NonNull::new(self.first.cast_mut())?;
        self.remove(first);
        Some(first)
    }

    /// Whether it was there.
    fn remove(&mut self, waiter: NonNull<Waiter>) -> bool {
        let mut before: *const Waiter = ptr::null();
        let mut at = self.first;
        // SAFETY: as in `push`.
        while let Some(here) = unsafe { at.as_ref() } {
            let next = here.next.get();
            if ptr::eq(here, waiter.as_ptr()) {
                // SAFETY: as above.
                match unsafe { before.as_ref() } {
                    Some(before) => before.next.set(next),
                    None => self.first = next,
                }
                if next.is_null() {
                    self.last = before;
                }
                return true;
            }
            (before, at) = (at, next);
        }
        false
    }
}

/// Which end somebody is at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Send,
    Receive,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt<T> {
    Done(T),
    /// There is no room, or nothing there. The waiter, if one was given, is listed.
    NotNow,
    Closed,
}

pub(crate) struct Inner<T, const N: usize> {
    slots: [MaybeUninit<T>; N],
    first: usize,
    len: usize,
    closed: bool,
    senders: List,
    receivers: List,
}

impl<T, const N: usize> Inner<T, N> {
    pub(crate) const fn new() -> Inner<T, N> {
        assert!(N > 0, "a queue without room would never take anything");
        Inner {
            slots: [const { MaybeUninit::uninit() }; N],
            first: 0,
            len: 0,
            closed: false,
            senders: List::new(),
            receivers: List::new(),
        }
    }

    fn list(&mut self, end: End) -> &mut List {
        match end {
            End::Send => &mut self.senders,
            End::Receive => &mut self.receivers,
        }
    }

    /// The next at this end to be told that it can go on, if it can.
    fn next_able(&mut self, end: End) -> Option<NonNull<Waiter>> {
        let able = match end {
            End::Send => self.len < N,
            End::Receive => self.len > 0,
        };
        if able { self.list(end).pop() } else { None }
    }

    fn pop(&mut self) -> Option<T> {
        (self.len > 0).then(|| {
            let slot = self.first;
            self.first = (self.first + 1) % N;
            self.len -= 1;
            // SAFETY: the `len` slots from the first on are filled, and this one no longer counts.
            unsafe { self.slots[slot].assume_init_read() }
        })
    }
}

impl<T, const N: usize> Drop for Inner<T, N> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

pub(crate) struct Crossing<T, const N: usize> {
    pub(crate) inner: Mutex<Inner<T, N>>,
}

// SAFETY: values are moved from thread to thread, never shared. Waiters are only linked and unlinked under
// the lock, and told by functions made for being called from any thread.
unsafe impl<T: Send, const N: usize> Send for Crossing<T, N> {}
// SAFETY: as above.
unsafe impl<T: Send, const N: usize> Sync for Crossing<T, N> {}

impl<T, const N: usize> Crossing<T, N> {
    /// Nothing in here panics while it holds the lock.
    fn with<R>(&self, f: impl FnOnce(&mut Inner<T, N>) -> R) -> R {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells a waiter that was just taken off its list.
    fn tell(waiter: Option<NonNull<Waiter>>) {
        if let Some(waiter) = waiter {
            // SAFETY: it stays until it is told, which happens once, here.
            unsafe { (waiter.as_ref().tell)(waiter) }
        }
    }

    /// Takes the value out of `value`, if there is room.
    ///
    /// # Safety
    ///
    /// A waiter given is in no list, and stays in place until it is told or has given up.
    pub(crate) unsafe fn send(
        &self,
        value: &mut Option<T>,
        waiter: Option<NonNull<Waiter>>,
    ) -> Attempt<()> {
        let (attempt, receiver) = self.with(|inner| {
            if inner.closed {
                (Attempt::Closed, None)
            } else if inner.len == N {
                if let Some(waiter) = waiter {
                    // SAFETY: passed on.
                    unsafe { inner.senders.push(waiter) };
                }
                (Attempt::NotNow, None)
            } else {
                if let Some(value) = value.take() {
                    inner.slots[(inner.first + inner.len) % N].write(value);
                    inner.len += 1;
                }
                (Attempt::Done(()), inner.next_able(End::Receive))
            }
        });
        Self::tell(receiver);
        attempt
    }

    /// The oldest value, if there is one. What was sent before the queue was closed is still received.
    ///
    /// # Safety
    ///
    /// As for [`send`](Crossing::send).
    pub(crate) unsafe fn receive(&self, waiter: Option<NonNull<Waiter>>) -> Attempt<T> {
        let (attempt, sender) = self.with(|inner| match inner.pop() {
            Some(value) => (Attempt::Done(value), inner.next_able(End::Send)),
            None if inner.closed => (Attempt::Closed, None),
            None => {
                if let Some(waiter) = waiter {
                    // SAFETY: passed on.
                    unsafe { inner.receivers.push(waiter) };
                }
                (Attempt::NotNow, None)
            }
        });
        Self::tell(sender);
        attempt
    }

    /// Takes a waiter off its list. If it is not there it was told, or is just being told: its frame has to
    /// stay until then, and the turn is to be [passed on](Crossing::pass_on).
    pub(crate) fn give_up(&self, end: End, waiter: NonNull<Waiter>) -> bool {
        self.with(|inner| inner.list(end).remove(waiter))
    }

    /// Somebody at this end was told that it can go on, and does not.
    pub(crate) fn pass_on(&self, end: End) {
        let next = self.with(|inner| inner.next_able(end));
        Self::tell(next);
    }

    /// No more is sent; all who wait are told.
    pub(crate) fn close(&self) {
        self.with(|inner| inner.closed = true);
        for end in [End::Send, End::Receive] {
            while let Some(waiter) = self.with(|inner| inner.list(end).pop()) {
                Self::tell(Some(waiter));
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.with(|inner| inner.len)
    }
}

impl<T, const N: usize> fmt::Debug for Crossing<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crossing")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
