//! Starting a wire, and its end.
//!
//! ```text
//!   top of the stack ─► ┌────────────────────────────────┐
//!                       │ details of the wire            │ ◄─ Wire::details
//!                       ├────────────────────────────────┤
//!                       │ packet: the closure, and after │ ◄─ Details::packet
//!                       │ its end the outcome            │
//!                       ├────────────────────────────────┤ ◄─ 16-aligned; the context starts here
//!                       │ frames of the wire             │
//!   low ──────────────► └────────────────────────────────┘
//! ```
//!
//! Nothing is allocated: the closure lies in the stack it will run on, and so does the result until
//! it is fetched.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit, needs_drop};
use core::ptr::{self, NonNull};
use std::panic::{AssertUnwindSafe, catch_unwind};

use wire_coro::{Context, MIN_STACK, STACK_ALIGN};

use crate::block::{Interrupt, report};
use crate::handle::{JoinError, JoinHandle};
use crate::run::one_is_gone;
use crate::scheduler::{Scheduler, scheduler};
use crate::scope::Children;
use crate::stack::{OnFree, Stack};
use crate::trace;
use crate::wire::{
    AWAITED, DAEMON, DETAILS, Details, JOINABLE, NOT_PLAIN, PERMANENT, SCOPED, State, Wire,
};

/// Why a wire could not be started. The closure is dropped, the stack given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// No `run()` is under way on this OS thread.
    NotRunning,
    /// The control block holds a wire that is not over, or whose outcome nobody fetched.
    InUse,
    /// The stack has no room for the closure.
    TooLarge {
        /// Bytes that the stack would need: closure and result, their copies while they are moved,
        /// and a little to run.
        needed: usize,
        /// Bytes that it has.
        size: usize,
    },
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::NotRunning => {
                f.write_str("wires start only inside `run()`, and none is under way on this OS thread")
            }
            SpawnError::InUse => f.write_str(
                "the control block is in use: its wire is not over, or was not joined and its handle not dropped",
            ),
            SpawnError::TooLarge { needed, size } => write!(
                f,
                "closure and result need a stack of {needed} bytes, this one has {size}; use a larger stack, or move less into the closure"
            ),
        }
    }
}

impl core::error::Error for SpawnError {}

/// What a wire ends with, as its handle finds it.
pub(crate) type Outcome<T> = Result<T, JoinError>;

/// See the module's diagram. In C layout both parts start at the same address.
#[repr(C)]
union Packet<F, T> {
    closure: ManuallyDrop<F>,
    outcome: ManuallyDrop<Outcome<T>>,
}

/// The least stack for a closure and its result: details, packet, and what a build without optimisation
/// keeps in the frame of `run_closure`, one copy of the closure and four of the result. What the
/// closure itself needs to run comes on top, except for a little.
const fn needed<F, T>() -> usize {
    let outcome = size_of::<Outcome<T>>().saturating_mul(4);
    let padding = align_of::<Packet<F, T>>().saturating_mul(4);
    (size_of::<Packet<F, T>>().saturating_add(size_of::<F>()))
        .saturating_add(outcome.saturating_add(padding))
        .saturating_add(DETAILS + MIN_STACK)
}

/// How a wire is started.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub(crate) name: &'static str,
    /// Flags of `wire.rs`.
    pub(crate) flags: u8,
    pub(crate) scope: *const Children,
}

/// Queues a wire that will run `f`, behind all that are ready.
///
/// # Safety
///
/// Control block, stack and what `f` borrows stay valid until the wire is over. That is so if they
/// are good for ever, for `'scope` of a scope that waits for the wire, or for longer than `run()`.
#[inline]
pub(crate) unsafe fn start<'m, F, T>(
    wire: &'m Wire,
    stack: Stack<'m>,
    how: Start,
    f: F,
) -> Result<JoinHandle<'m, T>, SpawnError>
where
    F: FnOnce() -> T + 'm,
    T: 'm,
{
    let s = scheduler();
    let (low, size) = (stack.low(), stack.size());
    let on_free = stack.hand_over();
    let needed = const { needed::<F, T>() };
    if s.current().is_none() || wire.is_in_use() || size < needed {
        return Err(refuse(wire, size, on_free, needed, f));
    }
    let below = const { DETAILS + size_of::<Packet<F, T>>().next_multiple_of(STACK_ALIGN) };
    let mut offset = size - below;
    if const { align_of::<Packet<F, T>>() > STACK_ALIGN } {
        offset -= (low.addr().get() + offset) % align_of::<Packet<F, T>>();
    }
    // SAFETY: both are inside the stack (it is large enough), aligned (its top is, and `offset` is
    // made to be), do not overlap, and nobody else uses it until the wire is over (contract).
    unsafe {
        let details = low.byte_add(size - DETAILS).cast::<Details>();
        let packet = low.byte_add(offset).cast::<Packet<F, T>>();
        packet.cast::<F>().write(f);
        details.write(Details {
            wire: Cell::new(wire),
            name: Cell::new(how.name),
            low: low.as_ptr(),
            packet: Cell::new(packet.as_ptr().cast()),
            on_free,
            scope: if how.flags & SCOPED != 0 {
                MaybeUninit::new(how.scope)
            } else {
                MaybeUninit::uninit()
            },
            ..Details::new()
        });
        let entry = entry::<F, T>;
        Context::prepare(
            wire.context.get(),
            low.as_ptr(),
            offset,
            entry,
            ptr::from_ref(wire).cast_mut().cast(),
        );
        wire.occupy(details.as_ptr(), how.flags);
    }
    if how.flags & DAEMON != 0 {
        s.daemons.set(s.daemons.get() + 1);
    }
    s.push(wire);
    trace::spawned(wire);
    Ok(JoinHandle {
        wire: NonNull::from(wire),
        memory: PhantomData,
    })
}

/// Why `start` did not. Closure and stack are dropped. In pieces, which travel in registers.
#[cold]
#[inline(never)]
fn refuse<F>(wire: &Wire, size: usize, on_free: Option<OnFree>, needed: usize, f: F) -> SpawnError {
    /// Also if dropping the closure panics.
    struct GiveBack(Option<OnFree>);
    impl Drop for GiveBack {
        fn drop(&mut self) {
            if let Some(hook) = self.0 {
                hook.call();
            }
        }
    }
    let _stack = GiveBack(on_free);
    // Asked before a destructor of the closure's can change it.
    let why = if scheduler().current().is_none() {
        SpawnError::NotRunning
    } else if wire.is_in_use() {
        SpawnError::InUse
    } else {
        SpawnError::TooLarge { needed, size }
    };
    drop(f);
    why
}

/// What runs on a new stack. Never unwinds, and returns where to go when the wire is over. The packet
/// lies where the stack begins.
unsafe extern "C" fn entry<F, T>(arg: *mut (), packet: *mut u8) -> *mut Context
where
    F: FnOnce() -> T,
{
    // SAFETY: `start` prepared this with its control block, which stays until the wire is over.
    let wire = unsafe { &*arg.cast_const().cast::<Wire>() };
    let packet = packet.cast::<Packet<F, T>>();
    // SAFETY: `start` left the closure in the packet.
    let finished = unsafe { run_closure(wire, packet) };
    if !finished || (const { needs_drop::<T>() } && !wire.has(JOINABLE)) {
        // SAFETY: the packet holds an outcome now.
        unsafe { look_at(wire, (&raw mut (*packet).outcome).cast::<Outcome<T>>()) };
    }
    end(wire)
}

/// Sees to an outcome that is no value, or one that nobody will fetch.
///
/// # Safety
///
/// There is an outcome, that of `wire`.
#[inline(never)]
unsafe fn look_at<T>(wire: &Wire, outcome: *mut Outcome<T>) {
    // SAFETY: there is an outcome (contract).
    if let (Err(JoinError::Panicked(_)), Some(scope)) = unsafe { (&*outcome, wire.scope()) } {
        scope.note_panic();
    }
    if !wire.has(JOINABLE) {
        // Before the wire counts as over: a destructor may wait like any other code.
        // SAFETY: there is an outcome, and no handle to take it.
        unsafe { discard(wire, outcome) };
    }
}

/// Ends a wire, whose outcome is seen to, and says where to go.
#[inline(always)]
fn end(wire: &Wire) -> *mut Context {
    let s = scheduler();
    trace::ends();
    if wire.has(NOT_PLAIN) || s.main_waits.get() {
        end_with_ties(s, wire);
    } else {
        wire.free();
    }
    s.leave(wire)
}

/// Ends a wire that somebody waits for, or that has more than itself to be rid of.
#[inline(never)]
fn end_with_ties(s: &Scheduler, wire: &Wire) {
    crate::timer::wire_ends(wire);
    s.delist(wire);
    if wire.has(DAEMON) {
        s.daemons.set(s.daemons.get() - 1);
    }
    if let Some(scope) = wire.scope() {
        scope.one_is_gone();
    }
    if wire.has(JOINABLE) {
        wire.state.set(State::Ended);
        if wire.has(AWAITED) {
            wire.joiners().wake_all();
        }
    } else {
        wire.free();
    }
    if s.main_waits.get() {
        one_is_gone(s);
    }
}

/// Runs the closure in the packet, or just drops it if the wire was cancelled before it ever ran, and
/// leaves the outcome in its place; says whether that is a value. Moves both as seldom as can be:
/// without optimisation, each move is a copy in this frame.
///
/// # Safety
///
/// The packet is that of `wire` and holds the closure.
#[inline]
unsafe fn run_closure<F: FnOnce() -> T, T>(wire: &Wire, packet: *mut Packet<F, T>) -> bool {
    let cancelled = wire.is_interrupted();
    // SAFETY: in bounds (contract); one union, whose two parts are used one after the other.
    let (closure, outcome) = unsafe {
        let closure = (&raw mut (*packet).closure).cast::<F>();
        (closure, (&raw mut (*packet).outcome).cast::<Outcome<T>>())
    };
    // SAFETY: the closure is taken once, or dropped; then its memory is free.
    let result = catch_unwind(AssertUnwindSafe(|| unsafe {
        if cancelled {
            closure.drop_in_place();
        } else {
            call(closure, outcome);
        }
    }));
    let error = match result {
        Ok(()) if !cancelled => return true,
        Ok(()) => JoinError::Cancelled,
        Err(payload) => ended_by(payload),
    };
    // SAFETY: as above.
    unsafe { outcome.write(Err(error)) };
    false
}

/// Calls the closure. Not in line: what its callers keep in registers would be saved and fetched again
/// at each switch in the closure, where this saves it once.
///
/// # Safety
///
/// The closure is there, for the last time, and the outcome may be written.
#[inline(never)]
unsafe fn call<F: FnOnce() -> T, T>(closure: *mut F, outcome: *mut Outcome<T>) {
    // SAFETY: by contract.
    unsafe {
        let value = closure.read()();
        outcome.write(Ok(value));
    }
}

#[cold]
fn ended_by(payload: crate::handle::Payload) -> JoinError {
    if Interrupt::is_payload(&*payload) {
        return JoinError::Cancelled;
    }
    JoinError::Panicked(payload)
}

/// Drops an outcome that nobody will fetch; a panic among them is told, once.
///
/// # Safety
///
/// There is an outcome, which is not used afterwards.
pub(crate) unsafe fn discard<T>(wire: &Wire, outcome: *mut Outcome<T>) {
    // SAFETY: there is one.
    if let Err(JoinError::Panicked(payload)) = unsafe { &*outcome } {
        let what = payload.downcast_ref::<&str>().copied();
        #[expect(
            clippy::disallowed_types,
            reason = "only looked at: what `panic!` with arguments throws"
        )]
        let what = what.or_else(|| payload.downcast_ref().map(|s: &String| s.as_str()));
        let what = what.unwrap_or("(a payload that is not text)");
        report(format_args!(
            "wire '{}' panicked, and nobody joins it: {}",
            wire.details().name.get().escape_debug(),
            what.escape_debug()
        ));
    }
    // SAFETY: there is one, for the last time.
    let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { outcome.drop_in_place() }));
    if let Err(payload) = dropped {
        // A destructor panicked, which the panic hook has told. Dropping what it threw might
        // panic again, so that is left alone.
        if !Interrupt::is_payload(&*payload) {
            core::mem::forget(payload);
        }
    }
}

impl Wire {
    /// Starts a wire named `name` that runs `f` on `stack`, in memory that is never given back. It
    /// is queued behind all that are ready; the caller goes on.
    ///
    /// For memory that is only lent, see [`Scope::spawn`](crate::Scope::spawn).
    ///
    /// # Errors
    ///
    /// See [`SpawnError`].
    #[inline]
    pub fn spawn<F, T>(
        &'static self,
        stack: Stack<'static>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'static, T>, SpawnError>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        let how = Start {
            name,
            flags: JOINABLE | PERMANENT,
            scope: ptr::null(),
        };
        // SAFETY: everything is `'static`.
        unsafe { start(self, stack, how, f) }
    }

    /// [`Wire::spawn`] for a wire that serves the others: `run()` does not wait for it, but cancels
    /// it when the others are gone and then waits until it has ended.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`].
    ///
    /// # Safety
    ///
    /// Control block and stack stay valid until `run()` has returned.
    pub unsafe fn spawn_daemon(
        &self,
        stack: Stack<'_>,
        name: &'static str,
        f: impl FnOnce() + 'static,
    ) -> Result<(), SpawnError> {
        let how = Start {
            name,
            flags: DAEMON,
            scope: ptr::null(),
        };
        // SAFETY: `run()` waits for daemons, and the caller sees to the memory until then. The
        // handle, which would be bound to it, is not given out.
        unsafe { start(self, stack, how, f).map(core::mem::forget) }
    }
}
