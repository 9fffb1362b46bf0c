//! Cooperative threads: control blocks, a FIFO scheduler per OS thread, and the one way to block.
//!
//! A *wire* is a thread of control with a stack of its own that runs until it waits. All wires of
//! an OS thread take turns on it and never leave it.
//!
//! ```
//! use std::ptr::NonNull;
//! use wire_core::{Stack, Wire, run, scope, yield_now};
//!
//! // wire-stack has guarded stacks for safe code; this example has only this crate.
//! fn stack() -> Stack<'static> {
//!     #[repr(align(16))]
//!     struct Memory([u8; 64 * 1024]);
//!     let memory = Box::leak(Box::new(Memory([0; 64 * 1024])));
//!     // SAFETY: leaked, aligned, used by nothing else, and ample for what runs here.
//!     unsafe { Stack::from_raw(NonNull::from(&mut memory.0).cast(), 64 * 1024) }
//! }
//!
//! let wires = [Wire::new(), Wire::new()];
//! let sum = run(|| {
//!     scope(|s| {
//!         let half = |wire, range: std::ops::Range<u64>| {
//!             s.spawn(wire, stack(), "half", move || {
//!                 range.map(|n| { yield_now(); n }).sum::<u64>()
//!             })
//!         };
//!         let (low, high) = (half(&wires[0], 0..50).unwrap(), half(&wires[1], 50..101).unwrap());
//!         low.join().unwrap() + high.join().unwrap()
//!     })
//! });
//! assert_eq!(sum, 5050);
//! ```
//!
//! # The blocking contract
//!
//! Every layer above leans on these rules. Tests of the same names in `tests/` try to break them.
//!
//! **One way to block.** Each suspension in each layer is a call of [`block`] with a [`Reason`],
//! which is all that reports need. A wait that has a queue uses [`WaitQueue`]: first come, first
//! served, its nodes in the waiting wires' own frames. *Off the queue* means *woken*: whoever wakes
//! takes the node off first, so what was handed over is never lost to a cancellation that comes
//! between waking and running. A node not woken takes itself off when its wait ends, by return or by
//! unwinding.
//!
//! **What can end a wait early** is one word per wire: nothing, [cancelled](Handle::cancel), or
//! deadline passed. It is looked at when a wait begins and when it ends, and by [`yield_now`] when its
//! turn has come again. Calls
//! that can fail return it as [`Interrupt`]; those that cannot [unwind](Interrupt::unwind), up to
//! the `timeout` scope whose deadline it was, or to the wire's end. Cancellation is sticky.
//! [`shield`] puts both off, and so does whoever holds a reference into the frame of a wire that
//! waits ([`Node::hold`]), until it lets go.
//!
//! **Unwinding does not wait.** The count of panics belongs to the OS thread, so if a destructor
//! switched to another wire, that one would find itself panicking. While a wire unwinds, [`block`]
//! says [`Interrupt::Unwinding`] at once, [`yield_now`] does nothing, and [`scope`](scope()) and
//! [`run`] refuse to start.
//!
//! **Who owns which memory, and for how long.** Control blocks and stacks are the user's. Wires
//! start in memory that is `'static` and never given back ([`Wire::spawn`]), or lent for the time of
//! a closure ([`Scope::spawn`]); never in a local borrowed plainly, since forgetting whatever was to
//! guard it would leave a wire in dead memory. A control block is one cache line; what a switch does
//! not need, the closure, and later its outcome lie at the top of the wire's stack. A wire
//! with a [`JoinHandle`] keeps control block and stack until it is over *and* the handle was joined
//! or dropped; a detached one gives them back as it ends, before anyone waiting for them runs. A
//! [`Handle`] may be stored: it carries a generation, and a `'static` one is only given for memory
//! that stays mapped for good.
//!
//! **Threads.** Wires never leave their OS thread, handles are not `Send`, control blocks and what
//! is built of queues are `Send` while unborrowed but never `Sync`. A `static` holds them in a
//! [`Local`], which its first thread keeps for good.
//!
//! **Futures.** [`block_on`] runs one in a wire. Its wakers are numbers, not pointers: they may be used
//! from any OS thread, kept and leaked, and do nothing once the wait is over. A wire whose future nobody
//! can wake is stuck. Who sleeps in the background asks [`outside::may_sleep`] before.
//!
//! **When `run()` ends.** Wires start only inside [`run`], and it neither returns nor unwinds while
//! one lives. If no wire can run, those that wait are *stuck*: they are shown to a callback (by
//! default printed), then all are cancelled and scheduled until gone. One that cannot be unwound
//! aborts the process, by name. Wires that serve the others (daemons: the one that waits for file
//! descriptors) do not count; they are cancelled when the others are gone.
//!
//! # With panic = "abort"
//!
//! A wire then cannot unwind. Cancelling and deadlines work as far as they need no unwinding:
//!
//! - calls that can fail return the [`Interrupt`], and the wire ends by returning;
//! - a wire cancelled before its first turn never runs, and its closure is dropped;
//! - one that learns of either in a call that cannot fail ends the process, with its name on standard
//!   error: in [`yield_now`], and in the layers above where there is no `Result` to tell it by;
//! - so does a stuck one that does, since stuck wires are cancelled;
//! - a panic ends the process as it does without wires.
//!
//! So let wires that will be cancelled wait by calls that can fail, and [`shield`] the others. That
//! includes the main wire, which others must not cancel.
//!
//! # Allocation
//!
//! None, except that a panic or a cancellation that unwinds costs the record std allocates for it.
#![deny(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]

mod all;
mod bell;
mod block;
mod block_on;
mod debug;
mod glimpse;
mod handle;
mod local;
mod queue;
mod reason;
#[cfg(doctest)]
mod refused;
mod remote;
mod request;
mod run;
mod scheduler;
mod scope;
mod spawn;
mod stack;
mod sync;
mod timer;
pub mod trace;
mod walk;
mod wire;
mod wire_local;

pub use block::{Interrupt, block, block_until, check_interrupt, shield, suspend};
pub use block_on::block_on;
pub use handle::{Handle, JoinError, JoinHandle, Payload};
pub use local::{Local, WrongThread};
pub use queue::{Node, OnWake, WaitQueue, Waiter};
pub use reason::{Kind, Reason};
pub use request::request_dump;
pub use run::{RunError, Runtime, run};
pub use scheduler::{is_only_one, yield_now};
pub use scope::{Scope, scope};
pub use spawn::SpawnError;
pub use stack::Stack;
pub use walk::{WireInfo, WireState, dump, walk};
pub use wire::Wire;
pub use wire_local::{NotSet, WireLocal};

/// The switch backend in use: "native" or "corosensei".
pub use wire_coro::BACKEND;

/// What crates need that wait for something outside: the time, the kernel, another thread. Programs
/// have no use for it.
pub mod outside {
    pub use crate::block::{clear_deadline, deadline_passed};
    pub use crate::block_on::{awake, may_sleep};
    pub use crate::glimpse::{Glimpse, glimpse};
    pub use crate::run::set_start_hook;
    pub use crate::scheduler::park_in_background;
    pub use crate::timer::{NEVER, Timer, TimerAdapter, set_timer_hook};
    use core::ptr;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use crate::{Wire, WireInfo, scheduler::scheduler};

    /// Calls `f` with the timer of the running wire.
    ///
    /// # Panics
    ///
    /// Outside `run()`.
    #[track_caller]
    pub fn with_timer<T>(f: impl FnOnce(&Timer) -> T) -> T {
        f(crate::timer::of(scheduler().current_or_panic()))
    }

    /// A number without a pattern, for choices between equals. Each thread has the same sequence.
    pub fn draw() -> u32 {
        scheduler().draw()
    }

    /// Makes a blocked wire runnable. What it waited for, it finds out itself.
    pub fn unblock(wire: &Wire) {
        crate::block::unblock(wire);
    }

    /// The address of the running wire's control block, or null: to tell wires apart by.
    #[inline]
    pub fn current() -> *const Wire {
        scheduler().current().map_or(ptr::null(), ptr::from_ref)
    }

    /// Runs `f` as in a thread without wires, so that nothing in it can wait, yield or start a wire:
    /// for foreign code that is called in the middle of waking somebody.
    #[inline]
    pub fn without_wire<T>(f: impl FnOnce() -> T) -> T {
        without_wire_for(taker(), f)
    }

    #[inline]
    fn without_wire_for<T>(taker: *const Wire, f: impl FnOnce() -> T) -> T {
        struct Back(crate::scheduler::SteppedOut, *const Wire);
        impl Drop for Back {
            #[inline]
            fn drop(&mut self) {
                scheduler().taker.set(self.1);
                scheduler().step_in(self.0);
            }
        }
        let s = scheduler();
        let _back = Back(s.step_out(), s.taker.replace(taker));
        f()
    }

    /// [`without_wire`] on behalf of another wire, as [`taker`] says meanwhile, by code whose panic is to hurt nobody
    /// here: `None` then. The payload is leaked, since dropping it might panic again.
    #[inline]
    pub fn without_wire_or_panic<T>(taker: *const Wire, f: impl FnOnce() -> T) -> Option<T> {
        let f = AssertUnwindSafe(|| without_wire_for(taker, f));
        catch_unwind(f).map_err(core::mem::forget).ok()
    }

    /// The wire that something is taken for: the running one, or the one that waits while another makes a source ready.
    /// By its address, or null.
    #[inline]
    pub fn taker() -> *const Wire {
        match current() {
            wire if wire.is_null() => scheduler().taker.get(),
            wire => wire,
        }
    }

    /// The running wire. Reads a few cells and nothing else, so a signal handler may call it.
    pub fn current_info() -> Option<WireInfo> {
        scheduler().current().map(WireInfo::of)
    }

    /// Calls `f`, in which the running wire has its OS thread sleep because no wire is ready. It only
    /// differs from calling it in a [`trace`](crate::trace), where sleeping does not count as running.
    #[inline]
    pub fn asleep<T>(f: impl FnOnce() -> T) -> T {
        crate::trace::asleep(f)
    }

    /// Whether the caller runs in a wire.
    #[inline]
    pub fn in_wire() -> bool {
        scheduler().current().is_some()
    }
}
