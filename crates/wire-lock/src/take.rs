//! Who holds what, and waiting for what only one can take, with hand-over.
//!
//! Who releases something makes it free and then wakes the queue, until somebody has taken it or
//! nobody is left. Being woken is taking: [`woken`] runs in the releasing wire, so that nobody else
//! finds it free in between.

use core::cell::Cell;
use core::pin::{Pin, pin};
use core::ptr::NonNull;

use wire_core::{Interrupt, Node, OnWake, Reason, WaitQueue, Wire, check_interrupt, outside};

/// Something to take.
pub(crate) trait Take {
    /// Takes it for a wire, if it is free.
    fn take_for(&self, wire: WireId) -> bool;
    /// Where those stand who wait for it.
    fn waiting(&self) -> &WaitQueue;
}

/// Tells the wires of a thread apart, by the address of the control block.
///
/// It is asked for whenever something is taken, which is one load from thread-local storage: for the error of one
/// who would wait for itself, and so that a wire that waits knows what it was handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WireId(usize);

impl WireId {
    /// Nobody. Zero, so that a static without a holder takes no room in the program's file.
    pub(crate) const NONE: WireId = WireId(0);
    /// All code outside of wires, and holders of which it is not known which wire they are.
    pub(crate) const OUTSIDE: WireId = WireId(1);

    /// The running wire, or [`OUTSIDE`](WireId::OUTSIDE).
    #[inline(always)]
    pub(crate) fn current() -> WireId {
        WireId::of(outside::current())
    }

    /// The wire with this control block, whose address is even; null is for code outside of wires.
    #[inline(always)]
    pub(crate) fn of(wire: *const Wire) -> WireId {
        WireId(wire.addr() | WireId::OUTSIDE.0)
    }
}

/// Whether the running wire is the holder, so that waiting would be waiting for itself, which is to be told by a panic.
/// Outside of wires nobody can wait in any case, of which the attempt will tell.
///
/// # Errors
///
/// To a wire that unwinds, that it cannot wait, rather than a second panic.
#[cold]
pub(crate) fn would_wait_for_itself(holder: WireId) -> Result<bool, Interrupt> {
    let me = WireId::current();
    if holder != me || me == WireId::OUTSIDE {
        return Ok(false);
    }
    match check_interrupt() {
        Err(interrupt @ Interrupt::Unwinding) => Err(interrupt),
        _ => Ok(true),
    }
}

/// A wire that waits, in its frame.
#[repr(C)]
struct Waiting<'a, S> {
    /// First, so that its address is that of the whole.
    node: Node,
    source: &'a S,
    wire: WireId,
    taken: Cell<bool>,
}

/// Takes for the wire that `node` is of, if there is something left, and lets it go on.
///
/// # Safety
///
/// The node is that of a [`Waiting`] for an `S`, was linked until now, and is no longer.
unsafe fn woken<S: Take>(node: NonNull<Node>) {
    // SAFETY: by contract; the node is the first field, and its wire is in `wait_to_take`.
    unsafe {
        let waiting = node.cast::<Waiting<'_, S>>().as_ref();
        waiting.taken.set(waiting.source.take_for(waiting.wire));
        Node::unblock(node);
    }
}

/// Waits, behind all who do so already, until `source` was taken for this wire.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn wait_to_take<S: Take>(source: &S, reason: Reason) -> Result<(), Interrupt> {
    let waiting = pin!(Waiting {
        // SAFETY: linked below only, as the first field of a `Waiting` that is pinned; `woken` does
        // not block.
        node: unsafe { Node::of_current_wire_calling(const { &OnWake::call(woken::<S>) }) },
        source,
        wire: WireId::current(),
        taken: Cell::new(false),
    });
    let waiting = waiting.as_ref();
    loop {
        // SAFETY: the node is pinned because what it is in is, and unlinks itself when that goes;
        // the source is borrowed for longer. Not linked: new, or woken for nothing.
        unsafe {
            let node = Pin::map_unchecked(waiting, |waiting| &waiting.node);
            source.waiting().push(node);
        }
        let result = source.waiting().wait_for(&waiting.node, reason);
        if waiting.taken.get() {
            return Ok(());
        }
        result?;
        // Woken by somebody who had nothing to give.
        if source.take_for(waiting.wire) {
            return Ok(());
        }
    }
}
