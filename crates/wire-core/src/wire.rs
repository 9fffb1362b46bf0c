//! The control block: a cache line for what every switch touches, and the rest at the top of the
//! wire's stack.
//!
//! Control blocks lie apart from stacks, so that those of many wires can be packed side by side
//! (design decision D2). A wire is in one of five states:
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
//! scheduler's `current` says, so that a yield need not write two states. *Blocked* comes in
//! kinds, so that waking need not look at the reason: see [`State`].

use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::mem::{MaybeUninit, offset_of};
use core::ptr;

use wire_coro::{Context, STACK_ALIGN};

use crate::all::Links;
use crate::queue::WaitQueue;
use crate::reason::{Kind, Reason};
use crate::scope::Children;
use crate::stack::OnFree;
use crate::timer::Timer;
use crate::trace::Tag;
use crate::wire_local::Binding;

/// See the diagram above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum State {
    Idle,
    Runnable,
    Interrupted,
    Ended,
    /// Blocked in `block`.
    Blocked,
    /// Blocked in `suspend`.
    Suspended,
    /// Blocked in the background.
    Parked,
    /// Blocked, but it runs: the main wire, when nobody can.
    Stuck,
}

impl State {
    /// From here on, all are blocked.
    pub(crate) const FIRST_BLOCKED: State = State::Blocked;

    /// One of the kinds of being blocked.
    #[inline]
    pub(crate) fn is_blocked(self) -> bool {
        self >= State::FIRST_BLOCKED
    }
}

/// Somebody holds the `JoinHandle`; the outcome is kept for it.
pub(crate) const JOINABLE: u8 = 1;
/// `run()` does not wait for this wire; it is cancelled when the others are gone.
pub(crate) const DAEMON: u8 = 2;
/// The memory of control block and stack is never given back, so a handle may be stored anywhere.
pub(crate) const PERMANENT: u8 = 4;
/// The wire has used its timer.
pub(crate) const TIMED: u8 = 8;
/// A scope waits for it.
pub(crate) const SCOPED: u8 = 16;
/// It is in the list of all wires.
pub(crate) const LISTED: u8 = 32;
/// Somebody has waited for its end.
pub(crate) const AWAITED: u8 = 64;
/// With one of these, there is more to do at its end than to free it.
pub(crate) const NOT_PLAIN: u8 = JOINABLE | DAEMON | TIMED | SCOPED | LISTED;

/// In `Wire::heed`: an interrupt is to be acted on.
pub(crate) const INTERRUPTED: u8 = 1;
/// In `Wire::heed`: the wire is not in the list of all wires, because it has not blocked yet.
pub(crate) const UNLISTED: u8 = 2;

/// The control block of a wire: user-owned memory, for one wire at a time.
///
/// Put it in a `static` (inside a [`Local`](crate::Local)), or lend it to a
/// [`scope`](crate::scope()). It can be used again as soon as the wire before is over and its
/// [`JoinHandle`](crate::JoinHandle) joined or dropped.
#[repr(C, align(64))]
pub struct Wire {
    pub(crate) context: UnsafeCell<Context>,
    /// The next in the ring of ready wires, while in it.
    pub(crate) next: Cell<*const Wire>,
    /// What to see to before blocking, in a form that takes one comparison.
    pub(crate) heed: Cell<u8>,
    pub(crate) state: Cell<State>,
    pub(crate) flags: Cell<u8>,
    /// So that the compiler may write these eight bytes at once.
    padding: Cell<u8>,
    /// Pending interrupts in the two low bits, four times the number of shields above them.
    pub(crate) interrupts: Cell<u32>,
    /// Counts the wires that lived here, so that a stored handle knows when its own is gone.
    pub(crate) generation: Cell<u32>,
    /// The rest, while a wire lives here.
    details: Cell<*const Details>,
}

/// What is known of the wire that lives in a control block, and not needed to switch to it. It lies at
/// the top of the wire's stack, in a page that is in memory anyway, and is gone with the wire.
pub(crate) struct Details {
    pub(crate) wire: Cell<*const Wire>,
    /// Good while the wire is blocked, and until it runs again; but see `Wire::wait` for the reason.
    pub(crate) reason: Cell<MaybeUninit<Reason>>,
    pub(crate) since: Cell<MaybeUninit<u64>>,
    pub(crate) name: Cell<&'static str>,
    /// The lowest address of the stack, at whose top this lies; null for that of an OS thread.
    pub(crate) low: *mut u8,
    /// Closure, later outcome, below this.
    pub(crate) packet: Cell<*mut ()>,
    pub(crate) on_free: Option<OnFree>,
    /// The innermost value set in it.
    pub(crate) locals: Cell<*const Binding>,
    /// Good if the wire is `SCOPED`.
    pub(crate) scope: MaybeUninit<*const Children>,
    /// Good if the wire is `AWAITED`.
    pub(crate) joiners: UnsafeCell<MaybeUninit<WaitQueue>>,
    /// Good if the wire is `LISTED`.
    pub(crate) all: UnsafeCell<MaybeUninit<Links>>,
    /// Good if the wire is `TIMED`.
    pub(crate) timer: UnsafeCell<MaybeUninit<Timer>>,
    /// Empty without the feature `trace`.
    pub(crate) trace: Tag,
}

/// What the details take of a stack.
pub(crate) const DETAILS: usize = size_of::<Details>().next_multiple_of(STACK_ALIGN);
const _: () = assert!(align_of::<Details>() <= STACK_ALIGN);

/// What a wire waits for that suspended itself.
pub(crate) static SUSPENDED: Kind = Kind::new("suspend");

/// What a blocked wire waits for.
#[derive(Clone, Copy)]
pub(crate) struct Wait {
    pub(crate) reason: Reason,
    /// The scheduler's count of switches when it began.
    pub(crate) since: u64,
}

impl Details {
    /// Those of a wire that is about to start, or of none.
    #[inline]
    pub(crate) const fn new() -> Details {
        Details {
            wire: Cell::new(ptr::null()),
            reason: Cell::new(MaybeUninit::uninit()),
            since: Cell::new(MaybeUninit::uninit()),
            name: Cell::new(""),
            low: ptr::null_mut(),
            packet: Cell::new(ptr::null_mut()),
            on_free: None,
            locals: Cell::new(ptr::null()),
            scope: MaybeUninit::uninit(),
            joiners: UnsafeCell::new(MaybeUninit::uninit()),
            all: UnsafeCell::new(MaybeUninit::uninit()),
            timer: UnsafeCell::new(MaybeUninit::uninit()),
            trace: Tag::new(),
        }
    }

    /// Lowest address and size of the stack, or zeros.
    pub(crate) fn stack(&self) -> (usize, usize) {
        match self.low.addr() {
            0 => (0, 0),
            low => (low, ptr::from_ref(self).addr() + DETAILS - low),
        }
    }

    /// The control block.
    #[inline]
    pub(crate) fn wire(&self) -> &Wire {
        // SAFETY: set before anybody else sees this, and in place until the wire is over.
        unsafe { &*self.wire.get() }
    }
}

// SAFETY: an owned, unborrowed control block holds no living wire (those borrow it), hence is in no
// queue, list or tree and refers to nothing of a thread. It is not `Sync`.
unsafe impl Send for Wire {}

/// Stands where the running wire would, in a thread (or for a time) without one. It is interrupted, so
/// that the paths that matter need no look of their own for it: blocking and starting to wait find an
/// interrupt, and there it is told apart.
pub(crate) struct Outside(Wire);

// SAFETY: shared by all threads, but nobody ever writes to it: it is given out by `Scheduler::current`
// alone as a pointer, and whoever would change a wire first makes sure that it is not this one.
unsafe impl Sync for Outside {}

static OUTSIDE: Outside = {
    let mut wire = Wire::new();
    wire.heed = Cell::new(INTERRUPTED);
    Outside(wire)
};

/// The address of [`Outside`].
#[inline(always)]
pub(crate) const fn outside() -> *const Wire {
    &raw const OUTSIDE.0
}

impl Wire {
    /// For `debug`.
    pub(crate) const DETAILS_OFFSET: usize = offset_of!(Wire, details);

    /// An unused control block.
    pub const fn new() -> Wire {
        Wire {
            context: UnsafeCell::new(Context::new()),
            next: Cell::new(ptr::null()),
            heed: Cell::new(0),
            state: Cell::new(State::Idle),
            flags: Cell::new(0),
            padding: Cell::new(0),
            interrupts: Cell::new(0),
            generation: Cell::new(0),
            details: Cell::new(ptr::null()),
        }
    }

    /// What is known of the wire that lives here. There must be one, from `start` (or `run`) to `free`; and
    /// if it has ended, a handle.
    #[inline]
    pub(crate) fn details(&self) -> &Details {
        debug_assert!(self.is_in_use());
        // SAFETY: whoever asks has met the wire in a queue or list, runs in it, or holds a handle whose
        // generation is the present one: it is not free, and until then its details are in place.
        unsafe { &*self.details.get() }
    }

    /// The running wire is about to block.
    #[inline(always)]
    pub(crate) fn blocks(&self, kind: State, wait: Wait) {
        let details = self.details();
        self.state.set(kind);
        // The state is reason enough of one that suspends itself, which is to cost little.
        if kind != State::Suspended {
            details.reason.set(MaybeUninit::new(wait.reason));
        }
        details.since.set(MaybeUninit::new(wait.since));
    }

    /// A blocked wire goes on, or might, without having been unblocked.
    pub(crate) fn set_unblocked(&self, how: State) {
        if self.state.get() == State::Suspended {
            let reason = Reason::new(&SUSPENDED);
            self.details().reason.set(MaybeUninit::new(reason));
        }
        self.state.set(how);
    }

    /// What the wire waits for, or did until it was interrupted.
    pub(crate) fn wait(&self) -> Option<Wait> {
        let (state, details) = (self.state.get(), self.details());
        if state != State::Interrupted && !state.is_blocked() {
            return None;
        }
        // SAFETY: such a state follows `blocks`, and another one than `Suspended` a reason, there or in
        // `set_unblocked`.
        unsafe {
            let reason = match state {
                State::Suspended => Reason::new(&SUSPENDED),
                _ => details.reason.get().assume_init(),
            };
            let since = details.since.get().assume_init();
            Some(Wait { reason, since })
        }
    }

    /// Whether the wire waits for this kind of thing.
    pub(crate) fn waits_for(&self, kind: &'static Kind) -> bool {
        self.wait().is_some_and(|wait| wait.reason.is(kind))
    }

    /// Makes this the control block of a wire with these details.
    ///
    /// # Safety
    ///
    /// They stay in place, used for nothing else, until [`Wire::free`].
    #[inline]
    pub(crate) unsafe fn occupy(&self, details: *const Details, flags: u8) {
        self.details.set(details);
        self.heed.set(UNLISTED);
        self.state.set(State::Runnable);
        self.flags.set(flags);
        self.padding.set(0);
        self.interrupts.set(0);
    }

    /// Whether an interrupt is to be acted on.
    #[inline(always)]
    pub(crate) fn is_interrupted(&self) -> bool {
        self.heed.get() & INTERRUPTED != 0
    }

    /// The scope that waits for it, if one does.
    pub(crate) fn scope(&self) -> Option<&Children> {
        // SAFETY: written at the start of wires with this flag. A scope's record outlives its wires.
        self.has(SCOPED)
            .then(|| unsafe { &*self.details().scope.assume_init() })
    }

    /// Those who wait for its end.
    pub(crate) fn joiners(&self) -> &WaitQueue {
        let place = self.details().joiners.get();
        if !self.has(AWAITED) {
            self.set(AWAITED, true);
            // SAFETY: nobody refers to it before the flag is set.
            unsafe { (*place).write(WaitQueue::new()) };
        }
        // SAFETY: written, here or earlier in the life of this wire, and only shared since.
        unsafe { (*place).assume_init_ref() }
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
    #[inline]
    pub(crate) fn free(&self) {
        let hook = self.details().on_free;
        self.state.set(State::Idle);
        self.generation.set(self.generation.get().wrapping_add(1));
        if let Some(hook) = hook {
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
        // Of one that has ended, stack and details may be gone: its handle was forgotten, and the scope
        // they were lent for is over.
        let lives = !matches!(self.state.get(), State::Idle | State::Ended);
        let name = lives.then(|| self.details().name.get());
        f.debug_struct("Wire")
            .field("name", &name)
            .field("state", &self.state.get())
            .field("generation", &self.generation.get())
            .finish_non_exhaustive()
    }
}
