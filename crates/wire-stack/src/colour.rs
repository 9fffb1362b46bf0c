//! Where in their pages stacks begin, so that their busiest lines share no cache sets.
//!
//! A first-level cache finds its sets by the address within a page. Stacks that all begin at the
//! top of a page would have the frames of all waiting wires in the same few sets.

/// Bytes from one colour to the next: a cache line.
const LINE: usize = 64;
/// All colours together stay within half a page, so that a wire that waits still fits into one.
const COLOURS: usize = 32;

/// The most that a stack loses to its colour.
pub(crate) const MOST: usize = LINE * (COLOURS - 1);

/// How many bytes the stack with this number begins below its top.
pub(crate) fn offset(number: usize) -> usize {
    number % COLOURS * LINE
}
