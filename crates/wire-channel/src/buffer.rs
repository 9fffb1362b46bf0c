//! The messages in a channel: a ring in the channel itself.
//!
//! ```text
//!    0       front          back     N
//!    ┌───────┬──────────────┬────────┐      positions count to 2 N, so that a full ring (back is
//!    │ free  │   messages   │  free  │      N ahead of front) is told from an empty one (equal);
//!    └───────┴──────────────┴────────┘      a sender stores only `back`, a receiver only `front`
//! ```

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;

pub(crate) struct Buffer<T, const N: usize> {
    front: Cell<usize>,
    back: Cell<usize>,
    slots: UnsafeCell<[MaybeUninit<T>; N]>,
}

impl<T, const N: usize> Buffer<T, N> {
    pub(crate) const fn new() -> Buffer<T, N> {
        const { assert!(N <= usize::MAX / 2, "room for so many cannot be counted") };
        Buffer {
            front: Cell::new(0),
            back: Cell::new(0),
            slots: UnsafeCell::new([const { MaybeUninit::uninit() }; N]),
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        let (front, back) = (self.front.get(), self.back.get());
        match back.checked_sub(front) {
            Some(len) => len,
            None => back + 2 * N - front,
        }
    }

    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        N > 0 && self.len() < N
    }

    #[inline(always)]
    fn next(position: usize) -> usize {
        if position + 1 == 2 * N {
            0
        } else {
            position + 1
        }
    }

    /// The slot of a position. Only its address is taken.
    #[inline(always)]
    fn slot(&self, position: usize) -> *mut T {
        let index = if position >= N {
            position - N
        } else {
            position
        };
        debug_assert!(index < N);
        // SAFETY: positions are less than 2 N, so the index is within the array.
        unsafe { self.slots.get().cast::<T>().add(index) }
    }

    /// Puts a message behind the others. There must be room.
    #[inline(always)]
    pub(crate) fn push(&self, value: T) {
        assert!(self.has_room());
        let back = self.back.get();
        // SAFETY: there is room, so this slot is free; nobody else refers to it.
        unsafe { self.slot(back).write(value) };
        self.back.set(Self::next(back));
    }

    /// Takes the oldest message.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<T> {
        let front = self.front.get();
        if N == 0 || front == self.back.get() {
            return None;
        }
        self.front.set(Self::next(front));
        // SAFETY: between front and back lie messages, and this one no longer does.
        Some(unsafe { self.slot(front).read() })
    }
}

impl<T, const N: usize> Drop for Buffer<T, N> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::Buffer;

    #[test]
    fn it_is_a_queue_whatever_its_length() {
        fn check<const N: usize>() {
            let buffer = Buffer::<usize, N>::new();
            let (mut sent, mut received) = (0, 0);
            for round in 0..50 {
                for _ in 0..=round % (N + 1) {
                    if sent - received < N {
                        assert!(buffer.has_room());
                        buffer.push(sent);
                        sent += 1;
                    } else {
                        assert!(!buffer.has_room());
                    }
                    assert_eq!(buffer.len(), sent - received);
                }
                for _ in 0..=round % 3 {
                    let next = (received < sent).then_some(received);
                    assert_eq!(buffer.pop(), next);
                    received += usize::from(next.is_some());
                }
            }
        }
        check::<0>();
        check::<1>();
        check::<2>();
        check::<3>();
        check::<7>();
        check::<64>();
    }

    #[test]
    fn what_is_left_is_dropped_once() {
        struct Counted<'a>(&'a Cell<u32>);
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let drops = Cell::new(0);
        let buffer = Buffer::<_, 3>::new();
        for _ in 0..2 {
            buffer.push(Counted(&drops));
            drop(buffer.pop());
        }
        buffer.push(Counted(&drops));
        buffer.push(Counted(&drops));
        assert_eq!(drops.get(), 2);
        drop(buffer);
        assert_eq!(drops.get(), 4);
    }
}
