//! The control block: all that is known of one wire, apart from its stack.
//!
//! Control blocks lie apart from stacks, so that those of many wires can be packed side by side
//! (design decision D2); what a switch touches comes first. A wire is in one of five states:
//!
//! ```text
//!             (1) start             (5) finish, joinable            (7) joined or handle dropped
//!   ┌──────┐ ───────────► ┌──────────┐ ───────────────► ┌───────┐ ─────────────► Idle
//!   │ Idle │              │ Runnable │                  │ Ended │
//!   └──────┘ ◄─────────── └──────────┘                  └───────┘
//!         (6) finish, detached │   ▲  ▲
//!                    (2) block │   │  │ (4) unblock, or the wire goes on: block returns Err
//!                              ▼   │  │
//!                     ┌─────────┐  │ ┌─────────────┐
//!                     │ Blocked │──┘ │ Interrupted │
//!                     └─────────┘ ──►└─────────────┘
//!                (3a) unblock          (3b) cancel, deadline
//! ```
//!
//! *Runnable* covers both waiting in the ready queue and running: which one is running only the
//! scheduler's `current` says, so that a yield need not write two states.

use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::ptr;

use intrusive_collections::LinkedListLink;
use wire_coro::Context;

use crate::queue::WaitQueue;
use crate::reason::{Kind, Reason};
use crate::scope::Children;
use crate::stack::OnFree;
use crate::timer::Timer;

/// See the diagram above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Idle,
    Runnable,
    Blocked,
    Interrupted,
    Ended,
}

/// Somebody holds the `JoinHandle`; the outcome is kept for it.
pub(crate) const JOINABLE: u8 = 1;
/// `run()` does not wait for this wire; it is cancelled when the others are gone.
pub(crate) const DAEMON: u8 = 2;
/// The memory of control block and stack is never given back, so a handle may be stored anywhere.
pub(crate) const PERMANENT: u8 = 4;

static NEVER_RAN: Kind = Kind::new("not started");

/// The control block of a wire: user-owned memory, for one wire at a time.
///
/// Put it in a `static` (inside a [`Local`](crate::Local)), or lend it to a
/// [`scope`](crate::scope()). It can be used again as soon as the wire before is over and its
/// [`JoinHandle`](crate::JoinHandle) joined or dropped.
#[repr(C)]
pub struct Wire {
    pub(crate) context: UnsafeCell<Context>,
    /// The next in the ready queue.
    pub(crate) next: Cell<*const Wire>,
    /// Pending interrupts in the two low bits, four times the number of shields above them.
    pub(crate) interrupts: Cell<u32>,
    pub(crate) state: Cell<State>,
    pub(crate) flags: Cell<u8>,
    pub(crate) reason: Cell<Reason>,

    /// Counts the wires that lived here, so that a stored handle knows when its own is gone.
    pub(crate) generation: Cell<u32>,
    pub(crate) name: Cell<&'static str>,
    pub(crate) stack: Cell<(*mut u8, usize)>,
    /// Closure, later outcome, at the top of the stack.
    pub(crate) packet: Cell<*mut ()>,
    pub(crate) on_free: Cell<Option<OnFree>>,
    pub(crate) scope: Cell<*const Children>,
    pub(crate) joiners: WaitQueue,
    /// In the thread's list of all wires, while started and not over.
    pub(crate) all: LinkedListLink,
    pub(crate) timer: Timer,
}

// SAFETY: an owned, unborrowed control block holds no living wire (those borrow it), hence is in no
// queue, list or tree and refers to nothing of a thread. It is not `Sync`.
unsafe impl Send for Wire {}

impl Wire {
    /// An unused control block.
    pub const fn new() -> Wire {
        Wire {
            context: UnsafeCell::new(Context::new()),
            next: Cell::new(ptr::null()),
            interrupts: Cell::new(0),
            state: Cell::new(State::Idle),
            flags: Cell::new(0),
            reason: Cell::new(Reason::new(&NEVER_RAN)),
            generation: Cell::new(0),
            name: Cell::new(""),
            stack: Cell::new((ptr::null_mut(), 0)),
            packet: Cell::new(ptr::null_mut()),
            on_free: Cell::new(None),
            scope: Cell::new(ptr::null()),
            joiners: WaitQueue::new(),
            all: LinkedListLink::new(),
            timer: Timer::new(),
        }
    }

    /// Whether a wire lives here, or has ended and its outcome waits to be fetched.
    pub fn is_in_use(&self) -> bool {
        self.state.get() != State::Idle
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    pub(crate) fn set(&self, flag: u8, on: bool) {
        let flags = self.flags.get();
        self.flags
            .set(if on { flags | flag } else { flags & !flag });
    }

    /// Ends the use of this control block and tells its owner. Transitions 6 and 7.
    pub(crate) fn free(&self) {
        self.state.set(State::Idle);
        self.generation.set(self.generation.get().wrapping_add(1));
        if let Some(hook) = self.on_free.take() {
            hook.call();
        }
    }
}

impl Default for Wire {
    fn default() -> Wire {
        Wire::new()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("name", &self.name.get())
            .field("state", &self.state.get())
            .field("generation", &self.generation.get())
            .finish_non_exhaustive()
    }
}
