//! What tests of this crate and its neighbours share: memory for wires, and puppets, which do as a
//! model says they should.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared, and every test file uses its own part"
)]

use std::cell::RefCell;
use std::fmt::Debug;
use std::ptr::NonNull;
use std::rc::Rc;

use wire_core::{JoinHandle, Runtime, Stack, Wire, is_only_one, yield_now};

pub mod model;

pub const SIZE: usize = 128 * 1024;

/// A stack that is never freed.
pub fn stack() -> Stack<'static> {
    stack_in(memory())
}

/// Memory for a stack, never freed.
pub fn memory() -> NonNull<u8> {
    let layout = std::alloc::Layout::from_size_align(SIZE, 4096).unwrap();
    // SAFETY: the layout has a size.
    NonNull::new(unsafe { std::alloc::alloc(layout) }).unwrap()
}

/// A stack in what [`memory`] gave, which no living wire uses.
pub fn stack_in(memory: NonNull<u8>) -> Stack<'static> {
    // SAFETY: leaked, aligned and, as callers see to, used by nothing else; large enough for panics
    // with backtraces.
    unsafe { Stack::from_raw(memory, SIZE) }
}

/// Something that is never freed.
pub fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Starts a wire in memory of its own.
pub fn spawn<T: 'static>(
    name: &'static str,
    f: impl FnOnce() -> T + 'static,
) -> JoinHandle<'static, T> {
    leak(Wire::new()).spawn(stack(), name, f).unwrap()
}

/// Lets the others run until none of them can.
pub fn settle() {
    while !is_only_one() {
        yield_now();
    }
}

/// Runs `main`, gives its result (`None` if it was cancelled) and the lines of the stuck report.
pub fn run_stuck<T>(main: impl FnOnce() -> T) -> (Option<T>, Vec<String>) {
    let mut stuck = Vec::new();
    let mut told = |info: wire_core::WireInfo| stuck.push(info.to_string());
    let result = Runtime::new().on_stuck(&mut told).run(main).ok();
    (result, stuck)
}

/// A list that wires write to in turn.
pub struct Trace<T>(Rc<RefCell<Vec<T>>>);

impl<T> Clone for Trace<T> {
    fn clone(&self) -> Self {
        Trace(self.0.clone())
    }
}

impl<T: Debug + PartialEq> Trace<T> {
    pub fn new() -> Self {
        Trace(Rc::default())
    }

    pub fn add(&self, entry: T) {
        self.0.borrow_mut().push(entry);
    }

    /// What was written since the last time.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

/// A small random number generator (xorshift64*), so that a seed tells all.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % bound
    }

    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}
