//! One scheduler per OS thread: who runs, who is next, strictly first in, first out.
//!
//! ```text
//!            current               tail
//!              │                    │
//!              ▼                    ▼
//!        ┌──► W1 ──► W2 ──► W3 ──► W4 ──┐     the ring of ready wires, through Wire::next:
//!        └──────────────────────────────┘     the running one, and behind it the others in order
//!
//!   background ──► a wire that goes on when nobody else is ready, or some 50 µs after it was parked
//!   main ──► the wire on the thread's own stack, which also serves when nobody can run
//! ```
//!
//! The running wire is in the ring, right behind `tail`. So to yield is to turn the ring by one:
//! `tail` and `current` move on, and no link changes, where a queue would take one wire off, put
//! another one on, and have each yield wait for what the one before has stored. A wire made ready goes
//! in behind `tail`; one that blocks is taken out by one store to its predecessor, `tail`.
//!
//! The scheduler is a handful of cells in thread-local storage that needs neither initialising nor
//! dropping, so reaching it is one addition to the thread pointer.

use core::cell::Cell;
use core::mem::offset_of;
use core::ptr;
use std::time::Instant;

use wire_coro::Context;

use crate::all::Links;
use crate::block::{Interrupt, take_interrupt, unwind_pending};
use crate::block_on;
use crate::debug;
use crate::reason::{Kind, Reason};
use crate::request::Seen;
use crate::run::OnStuck;
use crate::trace;
use crate::walk::Walker;
use crate::wire::{DAEMON, Details, LISTED, State, UNLISTED, Wait, Wire, outside};

/// A parked background wire gets a turn at latest after this long (and the next check).
const BACKGROUND_NS: u64 = 50_000;
/// Switches between two looks at the clock: learnt, within these bounds.
const CHECK_MAX: u64 = 1024;
const CHECK_FIRST: u64 = 64;

/// Where a thread goes on that was for a time one without wires.
#[derive(Clone, Copy)]
pub(crate) struct SteppedOut(*const Wire, u64);

pub(crate) struct Scheduler {
    /// The running wire, or [`outside`]. Then `ticks` is 1, so that yields, which do not look at this,
    /// find out.
    current: Cell<*const Wire>,
    /// The last one of the ring; the running one follows it. Null outside `run()`.
    tail: Cell<*const Wire>,
    /// Switches left until the next look at the clock.
    ticks: Cell<u64>,
    /// How many switches there will have been by then.
    horizon: Cell<u64>,
    /// Switches from one look to the next.
    period: Cell<u64>,
    /// When the background wire was first seen parked, if it is.
    parked_at: Cell<Option<Instant>>,
    checked_at: Cell<Option<Instant>>,
    pub(crate) background: Cell<*const Wire>,
    pub(crate) main: Cell<*const Wire>,
    /// Daemons that are started and not over.
    pub(crate) daemons: Cell<usize>,
    /// The main wire is told of each end: it waits for the last one.
    pub(crate) main_waits: Cell<bool>,
    pub(crate) all: Links,
    pub(crate) walkers: Cell<*const Walker>,
    dumps: Seen,
    pub(crate) on_stuck: Cell<Option<OnStuck>>,
    lots: Cell<u64>,
    /// Who takes while nobody runs, see `outside::taker`.
    pub(crate) taker: Cell<*const Wire>,
}

thread_local! {
    static SCHEDULER: Scheduler = const { Scheduler::new() };
}
/// With a destructor, every access would first check whether the storage is still there.
const _: () = assert!(!core::mem::needs_drop::<Scheduler>());

/// This thread's scheduler. The reference is good for as long as the thread runs code, since the
/// storage has no destructor; wires never change threads.
#[inline(always)]
pub(crate) fn scheduler() -> &'static Scheduler {
    // SAFETY: see above.
    SCHEDULER.with(|s| unsafe { &*ptr::from_ref(s) })
}

impl Scheduler {
    /// For `debug`: current, tail, main, all.
    pub(crate) const LAYOUT: [usize; 4] = [
        offset_of!(Scheduler, current),
        offset_of!(Scheduler, tail),
        offset_of!(Scheduler, main),
        offset_of!(Scheduler, all),
    ];

    const fn new() -> Scheduler {
        Scheduler {
            current: Cell::new(outside()),
            tail: Cell::new(ptr::null()),
            ticks: Cell::new(1),
            horizon: Cell::new(1),
            period: Cell::new(CHECK_FIRST),
            parked_at: Cell::new(None),
            checked_at: Cell::new(None),
            background: Cell::new(ptr::null()),
            main: Cell::new(ptr::null()),
            daemons: Cell::new(0),
            main_waits: Cell::new(false),
            all: Links::new(),
            walkers: Cell::new(ptr::null()),
            dumps: Seen::new(),
            on_stuck: Cell::new(None),
            lots: Cell::new(0),
            taker: Cell::new(ptr::null()),
        }
    }

    /// The next of a sequence of numbers without a pattern (Knuth's linear congruential generator).
    pub(crate) fn draw(&self) -> u32 {
        let next = self.lots.get().wrapping_mul(6_364_136_223_846_793_005);
        let next = next.wrapping_add(1_442_695_040_888_963_407);
        self.lots.set(next);
        (next >> 32) as u32
    }

    /// The running wire.
    #[inline]
    pub(crate) fn current(&self) -> Option<&Wire> {
        let wire = self.current.get();
        // SAFETY: a running wire's control block stays until it is over.
        (wire != outside()).then(|| unsafe { &*wire })
    }

    /// The running wire, or [`outside`], to look at but not to change.
    #[inline(always)]
    pub(crate) fn current_or_outside(&self) -> &Wire {
        // SAFETY: as in `current`; the other is a static.
        unsafe { &*self.current.get() }
    }

    /// The last one of the ring, for `glimpse`.
    pub(crate) fn tail(&self) -> *const Wire {
        self.tail.get()
    }

    #[track_caller]
    pub(crate) fn current_or_panic(&self) -> &Wire {
        self.current().expect(
            "this call waits, so it needs a wire: call it inside `wire_core::run(|| …)` (in the facade `libwire::run`)",
        )
    }

    /// The first wire of the thread begins to run.
    pub(crate) fn begin(&self, main: &Wire) {
        self.current.set(main);
        self.make_ring(main);
        self.all.make_head();
        self.list(main);
        self.look_after(CHECK_FIRST);
        self.dumps.skip();
        trace::begins(main);
        debug::show(self);
    }

    /// Until `step_in`, this is a thread without wires.
    pub(crate) fn step_out(&self) -> SteppedOut {
        let ticks = self.ticks.get();
        self.look_after(1);
        SteppedOut(self.current.replace(outside()), ticks)
    }

    pub(crate) fn step_in(&self, SteppedOut(wire, ticks): SteppedOut) {
        self.current.set(wire);
        self.look_after(ticks);
    }

    /// How many times wires of this thread were switched, blocked or ended.
    #[inline]
    pub(crate) fn switches(&self) -> u64 {
        self.horizon.get() - self.ticks.get()
    }

    /// Looks at the clock after so many switches.
    fn look_after(&self, ticks: u64) {
        self.horizon.set(self.switches() + ticks);
        self.ticks.set(ticks);
    }

    /// Whether no wire is ready but the running one.
    pub(crate) fn nobody_else_is_ready(&self) -> bool {
        let tail = self.tail.get();
        // SAFETY: wires in the ring are started wires, whose control blocks stay until they are over.
        tail.is_null() || unsafe { ptr::eq((*tail).next.get(), tail) }
    }

    /// Queues a wire behind all that are ready.
    #[inline]
    pub(crate) fn push(&self, wire: &Wire) {
        // SAFETY: wires become ready inside `run()` only, and then the ring is never empty. Wires in
        // it are started wires, whose control blocks stay until they are over.
        let tail = unsafe { &*self.tail.get() };
        // In this order stores to one cache line follow each other: whoever calls this has just stored
        // the state of `wire`, and is about to store its own if it blocks, being `tail`.
        wire.next.set(tail.next.get());
        self.tail.set(wire);
        tail.next.set(wire);
    }

    /// Makes `wire` the whole ring: it runs though it was not in it.
    #[inline]
    pub(crate) fn make_ring(&self, wire: *const Wire) {
        self.tail.set(wire);
        // SAFETY: a started wire.
        unsafe { (*wire).next.set(wire) };
    }

    /// Takes the running wire out of the ring and says who runs next.
    #[inline]
    fn take_out(&self, me: &Wire) -> *const Wire {
        if self.tick() {
            self.look_at_the_clock();
        }
        let next = me.next.get();
        if ptr::eq(next, me) {
            return self.nobody_is_ready();
        }
        // SAFETY: as in `push`.
        unsafe { (*self.tail.get()).next.set(next) };
        next
    }

    /// Who runs if nobody is ready: the background wire, else the main wire, which finds itself still
    /// blocked and sees to the stuck ones.
    #[cold]
    #[inline(never)]
    fn nobody_is_ready(&self) -> *const Wire {
        // SAFETY: a parked background wire is a started wire.
        let wire = match unsafe { self.background.replace(ptr::null()).as_ref() } {
            Some(wire) => {
                wire.state.set(State::Runnable);
                self.parked_at.set(None);
                wire
            }
            None => self.main.get(),
        };
        self.make_ring(wire);
        wire
    }

    /// Leaves the current wire until somebody queues it and its turn comes.
    #[inline]
    pub(crate) fn switch_away(&self, me: &Wire) {
        trace::waits(me);
        let next = self.take_out(me);
        // SAFETY: `take_out` gives a started wire of this thread.
        unsafe { self.switch(me, next) };
    }

    /// # Safety
    ///
    /// `next` is a started wire of this thread; `me` runs. If both are one, this is no more than a
    /// detour.
    #[inline(always)]
    unsafe fn switch(&self, me: &Wire, next: *const Wire) {
        self.current.set(next);
        // SAFETY: contexts of started wires are prepared or stopped, and stay in place.
        unsafe {
            trace::runs(&*next);
            Context::switch(me.context.get(), (*next).context.get());
        }
    }

    /// The context to go to from a wire that is over.
    #[inline]
    pub(crate) fn leave(&self, me: &Wire) -> *mut Context {
        let next = self.take_out(me);
        self.current.set(next);
        // SAFETY: as in `switch`.
        let next = unsafe { &*next };
        trace::runs(next);
        next.context.get()
    }

    /// Counts a switch; whether it is time to look at the clock.
    #[inline(always)]
    fn tick(&self) -> bool {
        let ticks = self.ticks.get() - 1;
        self.ticks.set(ticks);
        ticks == 0
    }

    /// Gives the background wire its turn when it has waited long enough, and learns how many
    /// switches fit into half that time.
    #[cold]
    #[inline(never)]
    fn look_at_the_clock(&self) {
        if self.current().is_none() {
            return self.look_after(1);
        }
        let period = self.period.get();
        self.look_after(period);
        self.dumps.serve();
        let woken_elsewhere = block_on::look();
        // SAFETY: a parked background wire is a started wire.
        let background = unsafe { self.background.get().as_ref() };
        if background.is_none() && !woken_elsewhere {
            return self.checked_at.set(None);
        }
        let now = Instant::now();
        if let Some(before) = self.checked_at.replace(Some(now)) {
            let elapsed = now.duration_since(before).as_nanos().max(1) as u64;
            let fitting = period * (BACKGROUND_NS / 2) / elapsed;
            self.period.set(fitting.clamp(1, CHECK_MAX));
            self.look_after(self.period.get());
        }
        let Some(background) = background else { return };
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
        trace::rests();
        debug::hide(self);
        self.step_out();
        self.tail.set(ptr::null());
        self.main.set(ptr::null());
        self.parked_at.set(None);
        self.checked_at.set(None);
        self.period.set(CHECK_FIRST);
    }

    /// Whether there is an ordinary wire besides the main one: started and not over. Asked at each end
    /// while the main wire waits for the last, so it stops at the first that it meets: mostly the next
    /// one in the ring.
    pub(crate) fn ordinary_wires_are_left(&self) -> bool {
        let is_one = |wire: &Wire| {
            let alive = !matches!(wire.state.get(), State::Idle | State::Ended);
            alive && !wire.has(DAEMON) && !ptr::eq(wire, self.main.get())
        };
        let mut listed = self.all.behind(&self.all);
        // SAFETY: the list is not changed meanwhile.
        while let Some(details) = unsafe { listed.as_ref() } {
            if is_one(details.wire()) {
                return true;
            }
            listed = self.after(details);
        }
        self.ready().any(is_one)
    }

    /// The wires in the ring, the running one first. One that is just ending is among them, though it is
    /// over, and freed.
    fn ready(&self) -> impl Iterator<Item = &Wire> {
        let tail = self.tail.get();
        let mut before = tail;
        core::iter::from_fn(move || {
            // SAFETY: wires in the ring are started wires, whose control blocks stay while it is asked
            // for them; the one that is just ending has not left its stack yet.
            let wire = unsafe { &*before.as_ref()?.next.get() };
            before = if ptr::eq(wire, tail) {
                ptr::null()
            } else {
                wire
            };
            Some(wire)
        })
    }

    /// The listed wire behind this one, or null.
    pub(crate) fn after(&self, details: &Details) -> *const Details {
        // SAFETY: asked of listed wires.
        unsafe { (*details.all.get().cast::<Links>()).behind(&self.all) }
    }

    /// Lists all wires that are not: those in the ring that have never blocked.
    pub(crate) fn list_ready(&self) {
        for wire in self.ready() {
            if !matches!(wire.state.get(), State::Idle | State::Ended) {
                self.list(wire);
            }
        }
    }

    /// Makes a wire known to `walk`, if it is not.
    pub(crate) fn list(&self, wire: &Wire) {
        if wire.heed.get() & UNLISTED != 0 {
            wire.heed.set(wire.heed.get() & !UNLISTED);
            wire.set(LISTED, true);
            // SAFETY: it was in no list; the end of the wire takes it out.
            unsafe { self.all.push(wire.details()) };
            Walker::step_on(self, wire.details());
        }
    }

    /// Undoes `list`, at the wire's end.
    pub(crate) fn delist(&self, wire: &Wire) {
        if wire.has(LISTED) {
            Walker::step_over(self, wire.details());
            // SAFETY: listed.
            unsafe { (*wire.details().all.get().cast::<Links>()).unlink() };
        }
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
    if s.tick() {
        s.look_at_the_clock();
        if s.current().is_none() {
            return;
        }
    }
    if std::thread::panicking() {
        return;
    }
    let me = s.current_or_outside();
    let next = me.next.get();
    s.tail.set(me);
    // SAFETY: `me` runs, since outside every tick looks at the clock. So `next` is ready, and maybe `me`.
    unsafe { s.switch(me, next) };
    if s.current_or_outside().is_interrupted() {
        unwind_pending();
    }
}

/// Whether no other wire is ready to run.
pub fn is_only_one() -> bool {
    scheduler().nobody_else_is_ready()
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
    s.look_after(s.period.get());
    let (reason, since) = (Reason::new(&BACKGROUND), s.switches());
    s.list(me);
    me.blocks(State::Parked, Wait { reason, since });
    s.dumps.serve();
    s.switch_away(me);
    // Nothing was handed over that an interrupt could lose, so a pending one always counts: the
    // caller may be about to block the whole thread.
    me.state.set(State::Runnable);
    take_interrupt(me)
}

static BACKGROUND: Kind = Kind::new("background");

/// Takes a parked wire out of the background.
pub(crate) fn unpark() {
    let s = scheduler();
    s.background.set(ptr::null());
    s.parked_at.set(None);
}
