//! `block_on`: a wire runs a future, and waits while the future does.
//!
//! ```text
//!   wire: poll ──► Pending ──► block ─────────────────────► poll …
//!                     │                       ▲
//!                 the Waker, kept somewhere ──┘ wake, from any wire or OS thread (`remote.rs`)
//! ```
//!
//! Who looks for wires woken from other threads: a busy thread at its checks of the clock, a thread
//! where nobody can run before it sleeps and after; it sleeps in `Bell::wait`, or where the crate
//! does that waits for the outside world (`may_sleep`).

use core::cell::Cell;
use core::future::Future;
use core::pin::pin;
use core::ptr;
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::mem::ManuallyDrop;

use crate::bell::Bell;
use crate::block::{Interrupt, block, check_interrupt, shield, unblock};
use crate::reason::{Kind, Reason};
use crate::remote::{Home, HomeId, MOST, Slot, Table, Ticket, Wait};
use crate::scheduler::{Scheduler, scheduler, yield_now};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64};
use crate::wire::{State, Wire};

/// As many OS threads can have such waits at once.
const THREADS: usize = 1024;

/// All zero, so that the pages of what is never used are never there.
static TABLE: Table<MOST, THREADS> = Table {
    slots: [const {
        Slot {
            word: AtomicU64::new(0),
            next: AtomicU32::new(0),
            home: AtomicU32::new(0),
            wire: AtomicPtr::new(ptr::null_mut()),
        }
    }; MOST],
    homes: [const {
        Home {
            taken: AtomicBool::new(false),
            woken: AtomicU32::new(0),
            asleep: AtomicBool::new(false),
            bell: Bell::new(),
        }
    }; THREADS],
    free: AtomicU64::new(0),
};

thread_local! {
    /// This thread's place in the table, from its first wait in a `run()` to the end of that; or 0.
    static HOME: Cell<HomeId> = const { Cell::new(0) };
    /// Waits of this thread that somebody may end.
    static EXPECTED: Cell<usize> = const { Cell::new(0) };
}

static FUTURE: Kind = Kind::new("future");

/// Runs `future` to completion in the calling wire. While the future waits, so does the wire, and the
/// others go on; when none can, the OS thread sleeps. This is how async crates are used in wires:
///
/// ```
/// use std::future::poll_fn;
/// use std::sync::{Arc, Mutex};
/// use std::task::{Poll, Waker};
///
/// // What another OS thread computes, and who is to be told.
/// let shared = Arc::new(Mutex::new((None, None::<Waker>)));
/// let theirs = Arc::clone(&shared);
/// let thread = std::thread::spawn(move || {
///     let mut shared = theirs.lock().unwrap();
///     shared.0 = Some(6 * 7);
///     if let Some(waker) = shared.1.take() {
///         waker.wake();
///     }
/// });
/// let future = poll_fn(|cx| {
///     let mut shared = shared.lock().unwrap();
///     shared.1 = Some(cx.waker().clone());
///     shared.0.map_or(Poll::Pending, Poll::Ready)
/// });
/// let answer = wire_core::run(|| wire_core::block_on(future));
/// assert_eq!(answer, Ok(42));
/// # thread.join().unwrap();
/// ```
///
/// The future is polled when it was woken, and maybe more often; between two polls all other ready
/// wires run. Its waker may be used, kept and dropped anywhere, by any OS thread and at any time. A
/// wire whose future has kept no waker is stuck, and is told and cancelled like any other; one with a
/// waker somewhere is not, even if those who hold it will never use it.
///
/// Futures that need a runtime of their own (a reactor, a timer) find it only if it runs in another
/// thread, and for tokio's if entered there. A future that blocks its OS thread blocks all wires.
///
/// Nothing is allocated. 65,536 waits can be under way in the process, on 1,024 OS threads; any beyond
/// that poll at each turn of their wire instead of waiting.
///
/// # Errors
///
/// The interrupt that came while the future waited; the future is dropped then. One that is ready at
/// its first poll gives its result even in a wire that is cancelled or unwinds.
///
/// # Panics
///
/// When the future does, and outside `run()`.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Interrupt> {
    let me = scheduler().current_or_panic();
    let mut future = pin!(future);
    // Dropped before the future is, so that its wakers are stale when it drops them.
    let mut place = None;
    loop {
        if place.is_none() {
            place = Place::take(me);
        }
        let waker = place.as_ref().map_or_else(idle_waker, Place::begin_poll);
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(value);
        }
        match &place {
            Some(place) => place.wait(ptr::from_ref(&*future).cast())?,
            None => let_others_run()?,
        }
    }
}

/// For a future that is polled again in any case.
fn idle_waker() -> ManuallyDrop<Waker> {
    ManuallyDrop::new(Waker::noop().clone())
}

/// A yield that ends with an interrupt instead of unwinding.
fn let_others_run() -> Result<(), Interrupt> {
    check_interrupt()?;
    shield(yield_now);
    Ok(())
}

/// The slot of one `block_on`, until it ends.
struct Place(Ticket);

impl Place {
    fn take(wire: &Wire) -> Option<Place> {
        if HOME.get() == 0 {
            HOME.set(TABLE.take_home()?);
        }
        let wire = ptr::from_ref(wire).cast_mut().cast();
        TABLE.claim(HOME.get(), wire).map(Place)
    }

    /// The waker to poll with. It is not counted: the poll borrows it, and only its clones stay.
    fn begin_poll(&self) -> ManuallyDrop<Waker> {
        TABLE.begin_poll(self.0);
        // SAFETY: the functions of the table keep the contract of `RawWaker`: they work on atomics of
        // a static by number, from any thread, and what they do not count is not dropped.
        ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(self.0)) })
    }

    /// Waits until woken since the last poll began, and at least until others have run.
    fn wait(&self, future: *const ()) -> Result<(), Interrupt> {
        let expected = match TABLE.begin_wait(self.0) {
            Wait::Woken => return let_others_run(),
            Wait::Begun { expected } => expected,
        };
        let _counted = expected.then(Expected::count);
        while !TABLE.is_woken(self.0) {
            block(Reason::on(&FUTURE, future))?;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TABLE.end(self.0);
    }
}

/// A wait that somebody may end, counted.
struct Expected;

impl Expected {
    fn count() -> Expected {
        EXPECTED.set(EXPECTED.get() + 1);
        Expected
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        EXPECTED.set(EXPECTED.get() - 1);
    }
}

static WAKER: RawWakerVTable = RawWakerVTable::new(
    |data| {
        TABLE.clone_waker(Ticket(data.addr()));
        RawWaker::new(data, &WAKER)
    },
    |data| {
        wake(Ticket(data.addr()));
        drop_waker(Ticket(data.addr()));
    },
    |data| wake(Ticket(data.addr())),
    |data| drop_waker(Ticket(data.addr())),
);

fn raw_waker(ticket: Ticket) -> RawWaker {
    RawWaker::new(ptr::without_provenance(ticket.0), &WAKER)
}

fn wake(ticket: Ticket) {
    unblock_own(TABLE.wake(ticket, HOME.get()));
}

fn drop_waker(ticket: Ticket) {
    unblock_own(TABLE.drop_waker(ticket, HOME.get()));
}

fn unblock_own(wire: Option<*mut ()>) {
    if let Some(wire) = wire {
        // SAFETY: the table gives out a wire of the thread that is in `Place::wait`; until that has
        // returned, and it cannot meanwhile, the wire is not over.
        unblock(unsafe { &*wire.cast::<Wire>() });
    }
}

/// Makes those wires runnable that were woken from other OS threads.
fn drain(home: HomeId) {
    let running = scheduler().current_or_outside();
    let running: *const Wire = match running.state.get() {
        // Blocked as it is, it may be woken: it looks for that.
        State::Stuck => ptr::null(),
        _ => running,
    };
    TABLE.drain(home, running.cast(), |wire| unblock_own(Some(wire)));
}

/// Called now and then in a busy thread. Whether wake-ups from elsewhere are to be looked for soon.
pub(crate) fn look() -> bool {
    if HOME.get() != 0 {
        drain(HOME.get());
    }
    EXPECTED.get() > 0
}

/// Sleeps until a wire of this thread can run, if one may be woken from elsewhere: `false` if not.
pub(crate) fn sleep_until_woken(s: &Scheduler, main: &Wire) -> bool {
    let id = HOME.get();
    if id == 0 {
        return false;
    }
    let bell = &TABLE.home(id).bell;
    loop {
        drain(id);
        if !s.nobody_else_is_ready() || main.state.get() != State::Stuck {
            return true;
        }
        if EXPECTED.get() == 0 {
            return false;
        }
        bell.hang(None);
        if TABLE.may_sleep(id) {
            crate::trace::asleep(|| bell.wait());
        }
        TABLE.awake(id);
    }
}

/// Announces that the calling wire is about to block its OS thread until `bell` is woken: from here
/// on other threads that wake futures of this one's wires wake `bell` as well, which must not wake or
/// poll anything in turn. `false` if a wire was woken already: the thread must not sleep then. In both
/// cases call [`awake`] next, after the sleep.
///
/// Whatever sleeps in [the background][park] has to do this, or futures of its thread
/// sleep on as long as it does.
///
/// [`awake`]: crate::outside::awake
/// [park]: crate::outside::park_in_background
#[must_use]
pub fn may_sleep(bell: &Waker) -> bool {
    if EXPECTED.get() == 0 {
        return true;
    }
    let id = HOME.get();
    TABLE.home(id).bell.hang(Some(bell));
    TABLE.may_sleep(id)
}

/// Takes the announcement of [`may_sleep`](crate::outside::may_sleep) back, and makes those wires
/// runnable that were woken from other OS threads.
pub fn awake() {
    let id = HOME.get();
    if id != 0 {
        TABLE.awake(id);
        drain(id);
    }
}

/// `run()` is about to end: no wait is left.
pub(crate) fn run_ends() {
    let id = HOME.replace(0);
    if id != 0 {
        drain(id);
        TABLE.home(id).bell.hang(None);
        TABLE.leave_home(id);
    }
}
