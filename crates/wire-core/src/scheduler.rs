//! One scheduler per OS thread: who runs, who is next, strictly first in, first out.
//!
//! ```text
//!   current ──► running wire              head ──► W ──► W ──► W ◄── tail     (through Wire::next)
//!   background ──► a wire that goes on when the queue is empty, or some 50 µs after it was parked
//!   main ──► the wire on the thread's own stack, which also serves when nobody can run
//! ```
//!
//! The scheduler is a handful of cells in thread-local storage that needs neither initialising nor
//! dropping, so reaching it is one addition to the thread pointer.

use core::cell::{Cell, UnsafeCell};
use core::mem::ManuallyDrop;
use core::ptr;
use std::time::Instant;

use intrusive_collections::{LinkedList, UnsafeRef, intrusive_adapter};
use wire_coro::Context;

use crate::block::{Interrupt, take_interrupt, unwind_pending};
use crate::reason::{Kind, Reason};
use crate::run::OnStuck;
use crate::walk::Walker;
use crate::wire::{State, Wire};

intrusive_adapter!(pub(crate) AllAdapter = UnsafeRef<Wire>: Wire { all => intrusive_collections::LinkedListLink });

/// A parked background wire gets a turn at latest after this long (and the next check).
const BACKGROUND_NS: u64 = 50_000;
/// Switches between two looks at the clock: learnt, within these bounds.
const CHECK_MAX: u32 = 1024;
const CHECK_FIRST: u32 = 64;

pub(crate) struct Scheduler {
    pub(crate) current: Cell<*const Wire>,
    head: Cell<*const Wire>,
    tail: Cell<*const Wire>,
    /// Switches left until the next look at the clock.
    ticks: Cell<u32>,
    /// Switches from one look to the next.
    period: Cell<u32>,
    /// When the background wire was first seen parked, if it is.
    parked_at: Cell<Option<Instant>>,
    checked_at: Cell<Option<Instant>>,
    pub(crate) background: Cell<*const Wire>,
    pub(crate) main: Cell<*const Wire>,
    /// Started wires that are not over: ordinary ones, and daemons.
    pub(crate) live: Cell<usize>,
    pub(crate) daemons: Cell<usize>,
    pub(crate) all: UnsafeCell<LinkedList<AllAdapter>>,
    pub(crate) walkers: Cell<*const Walker>,
    pub(crate) on_stuck: Cell<Option<OnStuck>>,
}

thread_local! {
    /// `ManuallyDrop` because a list has a destructor: with one, every access would first check
    /// whether the storage is still there.
    static SCHEDULER: ManuallyDrop<Scheduler> = const { ManuallyDrop::new(Scheduler::new()) };
}
const _: () = assert!(!core::mem::needs_drop::<ManuallyDrop<Scheduler>>());

/// This thread's scheduler. The reference is good for as long as the thread runs code, since the
/// storage has no destructor; wires never change threads.
#[inline(always)]
pub(crate) fn scheduler() -> &'static Scheduler {
    // SAFETY: see above.
    SCHEDULER.with(|s| unsafe { &*ptr::from_ref::<Scheduler>(s) })
}

impl Scheduler {
    const fn new() -> Scheduler {
        Scheduler {
            current: Cell::new(ptr::null()),
            head: Cell::new(ptr::null()),
            tail: Cell::new(ptr::null()),
            ticks: Cell::new(CHECK_FIRST),
            period: Cell::new(CHECK_FIRST),
            parked_at: Cell::new(None),
            checked_at: Cell::new(None),
            background: Cell::new(ptr::null()),
            main: Cell::new(ptr::null()),
            live: Cell::new(0),
            daemons: Cell::new(0),
            all: UnsafeCell::new(LinkedList::new(AllAdapter::NEW)),
            walkers: Cell::new(ptr::null()),
            on_stuck: Cell::new(None),
        }
    }

    /// The running wire.
    pub(crate) fn current(&self) -> Option<&Wire> {
        // SAFETY: `current` is null or a started wire, whose control block stays until it is over.
        unsafe { self.current.get().as_ref() }
    }

    #[track_caller]
    pub(crate) fn current_or_panic(&self) -> &Wire {
        self.current().expect(
            "this call waits, so it needs a wire: call it inside `wire_core::run(|| …)` (in the facade `libwire::run`)",
        )
    }

    pub(crate) fn ready_is_empty(&self) -> bool {
        self.head.get().is_null()
    }

    /// Queues a wire behind all that are ready.
    #[inline]
    pub(crate) fn push(&self, wire: &Wire) {
        let wire: *const Wire = wire;
        // SAFETY: queued wires are started wires; their control blocks stay until they are over.
        unsafe {
            (*wire).next.set(ptr::null());
            match self.tail.replace(wire).as_ref() {
                Some(tail) => tail.next.set(wire),
                None => self.head.set(wire),
            }
        }
    }

    #[inline]
    fn pop(&self) -> *const Wire {
        let wire = self.head.get();
        // SAFETY: as in `push`.
        if let Some(wire) = unsafe { wire.as_ref() } {
            let next = wire.next.get();
            self.head.set(next);
            if next.is_null() {
                self.tail.set(ptr::null());
            }
        }
        wire
    }

    /// Who runs next, now that the current wire cannot: the oldest ready one, else the background
    /// wire, else the main wire, which finds itself still blocked and sees to the stuck ones.
    #[inline]
    fn pick(&self) -> *const Wire {
        self.tick();
        let next = self.pop();
        if !next.is_null() {
            return next;
        }
        // SAFETY: a parked background wire is a started wire.
        match unsafe { self.background.replace(ptr::null()).as_ref() } {
            Some(wire) => {
                wire.state.set(State::Runnable);
                self.parked_at.set(None);
                wire
            }
            None => self.main.get(),
        }
    }

    /// Leaves the current wire until somebody queues it and its turn comes.
    #[inline]
    pub(crate) fn switch_away(&self, me: &Wire) {
        let next = self.pick();
        if !ptr::eq(next, me) {
            // SAFETY: `pick` gives a started wire of this thread other than the running one.
            unsafe { self.switch(me, next) };
        }
    }

    /// # Safety
    ///
    /// `next` is a started wire of this thread, stopped, and not `me`, which runs.
    #[inline(always)]
    unsafe fn switch(&self, me: &Wire, next: *const Wire) {
        self.current.set(next);
        // SAFETY: contexts of started wires are prepared or stopped, and stay in place.
        unsafe { Context::switch(me.context.get(), (*next).context.get()) };
    }

    /// The context to go to from a wire that is over.
    pub(crate) fn leave(&self) -> *mut Context {
        let next = self.pick();
        self.current.set(next);
        // SAFETY: as in `switch`.
        unsafe { (*next).context.get() }
    }

    #[inline(always)]
    fn tick(&self) {
        let ticks = self.ticks.get() - 1;
        self.ticks.set(ticks);
        if ticks == 0 {
            self.look_at_the_clock();
        }
    }

    /// Gives the background wire its turn when it has waited long enough, and learns how many
    /// switches fit into half that time.
    #[cold]
    #[inline(never)]
    fn look_at_the_clock(&self) {
        let period = self.period.get();
        self.ticks.set(period);
        // SAFETY: a parked background wire is a started wire.
        let Some(background) = (unsafe { self.background.get().as_ref() }) else {
            return self.checked_at.set(None);
        };
        let now = Instant::now();
        if let Some(before) = self.checked_at.replace(Some(now)) {
            let elapsed = now.duration_since(before).as_nanos().max(1) as u64;
            let fitting = u64::from(period) * (BACKGROUND_NS / 2) / elapsed;
            self.period
                .set(fitting.clamp(1, u64::from(CHECK_MAX)) as u32);
            self.ticks.set(self.period.get());
        }
        match self.parked_at.get() {
            None => self.parked_at.set(Some(now)),
            Some(then) if (now.duration_since(then).as_nanos() as u64) < BACKGROUND_NS => {}
            Some(_) => {
                self.parked_at.set(None);
                self.background.set(ptr::null());
                background.state.set(State::Runnable);
                self.push(background);
            }
        }
    }

    /// Sets the scheduler back to what a fresh thread has, between two `run()`s.
    pub(crate) fn reset(&self) {
        self.current.set(ptr::null());
        self.main.set(ptr::null());
        self.parked_at.set(None);
        self.checked_at.set(None);
        self.period.set(CHECK_FIRST);
        self.ticks.set(CHECK_FIRST);
    }

    /// Makes a wire known to `walk` and counted, from its start on.
    pub(crate) fn enlist(&self, wire: &Wire) {
        let count = if wire.has(crate::wire::DAEMON) {
            &self.daemons
        } else {
            &self.live
        };
        count.set(count.get() + 1);
        // SAFETY: not linked yet; it stays in place until `delist`. The list is only used here, in
        // `delist` and by walkers, none of which runs foreign code meanwhile.
        unsafe { (*self.all.get()).push_back(UnsafeRef::from_raw(wire)) };
    }

    /// Undoes `enlist`, at the wire's end.
    pub(crate) fn delist(&self, wire: &Wire) {
        Walker::step_over(self, wire);
        // SAFETY: enlisted; the list is used as in `enlist`.
        unsafe { (*self.all.get()).cursor_mut_from_ptr(wire).remove() };
        let count = if wire.has(crate::wire::DAEMON) {
            &self.daemons
        } else {
            &self.live
        };
        count.set(count.get() - 1);
    }
}

/// Lets all other ready wires run first: to the end of the ready queue. In a thread without wires
/// this does nothing.
///
/// A cancelled wire, or one whose deadline passed, unwinds from here like from any wait that cannot
/// fail. While a wire unwinds this returns at once.
#[inline]
pub fn yield_now() {
    let s = scheduler();
    s.tick();
    let (me, next) = (s.current.get(), s.head.get());
    if me.is_null() || next.is_null() || std::thread::panicking() {
        return alone(s);
    }
    // SAFETY: `me` runs; `next` is another, since a running wire is not queued. Pushing before
    // popping spares both the look for an empty queue.
    unsafe {
        let me = &*me;
        me.next.set(ptr::null());
        (*s.tail.replace(me)).next.set(me);
        s.head.set((*next).next.get());
        s.switch(me, next);
        if me.interrupts.get().wrapping_sub(1) < 3 {
            unwind_pending(me);
        }
    }
}

/// `yield_now` with nobody to yield to.
#[cold]
#[inline(never)]
fn alone(s: &Scheduler) {
    if let Some(me) = s.current() {
        unwind_pending(me);
    }
}

/// Whether no other wire is ready to run.
pub fn is_only_one() -> bool {
    scheduler().ready_is_empty()
}

/// Puts the calling wire behind all others: it goes on when nothing else can run, or about 50 µs
/// later if others keep running. For the wire that waits for the outside world on behalf of the
/// others; [`is_only_one`] tells it whether it may block its OS thread.
///
/// # Errors
///
/// The [`Interrupt`] pending, without waiting. A wire parked here is not stuck, whatever the others
/// wait for.
///
/// # Panics
///
/// Outside `run()`, and if another wire of the thread is parked so already.
#[track_caller]
pub fn park_in_background() -> Result<(), Interrupt> {
    let s = scheduler();
    let me = s.current_or_panic();
    take_interrupt(me)?;
    assert!(
        s.background.get().is_null(),
        "another wire of this thread waits in the background already"
    );
    s.background.set(me);
    s.checked_at.set(None);
    s.ticks.set(s.period.get());
    me.reason.set(Reason::new(&BACKGROUND));
    me.state.set(State::Blocked);
    s.switch_away(me);
    // Nothing was handed over that an interrupt could lose, so a pending one always counts: the
    // caller may be about to block the whole thread.
    me.state.set(State::Runnable);
    take_interrupt(me)
}

static BACKGROUND: Kind = Kind::new("background");

/// Takes an interrupted wire out of the background.
pub(crate) fn unpark(wire: &Wire) {
    let s = scheduler();
    if ptr::eq(s.background.get(), wire) {
        s.background.set(ptr::null());
        s.parked_at.set(None);
    }
}
