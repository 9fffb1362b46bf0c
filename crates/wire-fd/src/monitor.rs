//! The monitor: a wire like any other, one per OS thread, that waits for the kernel on behalf of
//! the others.
//!
//! ```text
//!         (1) somebody waits for a descriptor, a moment or another thread
//!   ┌──────┐ ────────────────────────────────────────────► ┌─────────┐ ◄──────┐
//!   │ idle │                                               │ looking │        │ (3) nobody else can
//!   └──────┘ ◄──────────────────────────────────────────── └─────────┘        │     run, or some
//!     a plain block: `run()` may end   (4) nobody waits     │   (2) others    │     50 µs passed
//!     or find the rest stuck                                ▼    are ready    │
//!                                                      ┌────────────┐         │
//!                                                      │ background │ ────────┘
//!                                                      └────────────┘
//! ```
//!
//! *Looking* sleeps in the kernel only if no other wire is ready. wire-core knows a background wire
//! and no more; nothing outside this crate knows epoll.

use std::cell::{Cell, OnceCell, UnsafeCell};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::task;

use nix::errno::Errno;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use wire_core::outside::{self, NEVER};
use wire_core::{Interrupt, Kind, Reason, Wire, block};
use wire_stack::Arena;

use crate::alarm;
use crate::bell::Bell;
use crate::error::RegisterError;
use crate::mailbox::{Mailbox, Waker};
use crate::moments::Moments;
use crate::sync::Arc;
use crate::table::{Entry, Table, readiness};

/// As many events as one look takes. With more, what was touched to wake the first wires has left
/// the cache when they run; with fewer, system calls add up.
const EVENTS: usize = 64;
/// The word of the mailbox's eventfd; generations are never 0.
const MAILBOX: u64 = 0;

const NO_EVENT: libc::epoll_event = libc::epoll_event { events: 0, u64: 0 };

static IDLE: Kind = Kind::new("monitor idle");

pub(crate) struct Monitor {
    epoll: Epoll,
    pub(crate) table: Table,
    mailbox: Arc<Mailbox>,
    /// Rings the mailbox's bell: for wires woken from other threads without post.
    bell: task::Waker,
    /// Waits under way that only this wire can end, timers and sources apart.
    waiters: Cell<usize>,
    /// Somebody was about to wait for a source, that is a descriptor as one of several things.
    sources: Cell<bool>,
    pub(crate) moments: UnsafeCell<Moments>,
    /// On the heap, since a monitor is made in whichever wire first waits, on its small stack.
    events: Box<[UnsafeCell<libc::epoll_event>]>,
    /// It sits in its idle block.
    idle: Cell<bool>,
    wire: Wire,
    arena: Arena,
}

thread_local! {
    static MONITOR: OnceCell<Owned> = const { OnceCell::new() };
    /// The same once more, for as long as it is there: unlike the one above it has no destructor, so
    /// that looking is one load and one comparison.
    static CURRENT: Cell<*const Monitor> = const { Cell::new(ptr::null()) };
}

struct Owned(Box<Monitor>);

impl Drop for Owned {
    fn drop(&mut self) {
        CURRENT.set(ptr::null());
    }
}

/// This thread's monitor, if it is set up. Not to be kept: it goes when the thread's storage does.
#[inline]
pub(crate) fn current<'a>() -> Option<&'a Monitor> {
    // SAFETY: there, or this is null. It goes when the thread ends, and `run()` is over before that, with
    // all its wires; no function of this crate has this reference across a call of foreign code.
    unsafe { CURRENT.get().as_ref() }
}

/// Calls `f` with this thread's monitor, which is set up at the first call: the one place where
/// this crate allocates.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&Monitor) -> R) -> Result<R, RegisterError> {
    let mut monitor = CURRENT.get();
    if monitor.is_null() {
        monitor = set_up()?;
    }
    // SAFETY: it is there until the thread's storage is destroyed. That does not happen inside `f`: what
    // is called then finds null here, and `run()` is over before that, with all its wires.
    Ok(f(unsafe { &*monitor }))
}

#[cold]
#[inline(never)]
fn set_up() -> Result<*const Monitor, RegisterError> {
    let made = MONITOR.try_with(|cell| {
        let monitor = Box::new(Monitor::new()?);
        // SAFETY: the hook forgets the timer, and timers get places by this crate only.
        unsafe { outside::set_timer_hook(alarm::wire_ends) };
        let owned = cell.get_or_init(|| Owned(monitor));
        CURRENT.set(&raw const *owned.0);
        Ok(&raw const *owned.0)
    });
    made.map_err(|_| RegisterError::ThreadEnds)?
}

/// The address of this thread's wires for other threads.
///
/// # Errors
///
/// If the thread's monitor cannot be set up.
pub fn waker() -> Result<Waker, RegisterError> {
    with(|monitor| Waker {
        mailbox: Arc::clone(&monitor.mailbox),
    })
}

/// Calls `wait`, which waits for a [`Post`](crate::Post) from another OS thread. While it waits, the
/// wires of this thread are not stuck, and the thread sleeps in the kernel if it has nothing to do.
///
/// # Errors
///
/// If the thread's monitor cannot be set up; `wait` is not called then.
pub fn expect_post<R>(wait: impl FnOnce() -> R) -> Result<R, RegisterError> {
    with(|monitor| {
        let _waiting = monitor.waiting()?;
        Ok(wait())
    })?
}

impl Monitor {
    fn new() -> Result<Monitor, RegisterError> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mailbox = Arc::new(Mailbox::new(Bell::new()?));
        epoll.add(
            &mailbox.bell,
            EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, MAILBOX),
        )?;
        Ok(Monitor {
            epoll,
            table: Table::map()?,
            bell: Arc::clone(&mailbox).into(),
            mailbox,
            waiters: Cell::new(0),
            sources: Cell::new(false),
            moments: UnsafeCell::new(Moments::map()?),
            events: (0..EVENTS).map(|_| UnsafeCell::new(NO_EVENT)).collect(),
            idle: Cell::new(false),
            wire: Wire::new(),
            arena: Arena::builder()
                .count(1)
                .build()
                .map_err(RegisterError::Stack)?,
        })
    }

    /// Registers a descriptor for both directions, edge-triggered.
    pub(crate) fn register(&self, fd: BorrowedFd<'_>) -> Result<NonNull<Entry>, RegisterError> {
        let word = self.table.next_word(fd.as_raw_fd())?;
        let flags = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLPRI
            | EpollFlags::EPOLLET;
        match self.epoll.add(fd, EpollEvent::new(flags, word)) {
            // Only now: if it is registered already, its entry is in use.
            Ok(()) => Ok(self.table.open(word)),
            Err(Errno::EPERM) => Err(RegisterError::NotPollable),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Undoes `register`, while the descriptor is still open.
    pub(crate) fn deregister(&self, fd: BorrowedFd<'_>, entry: &Entry, generation: u32) {
        if entry.is_over(generation) {
            return; // closed behind our back, and its number registered again
        }
        entry.retire();
        // It fails only if the descriptor was closed behind our back, which removed it.
        let _ = self.epoll.delete(fd);
    }

    /// Counts a wait until the guard is dropped, and sees to it that the monitor runs.
    pub(crate) fn waiting(&self) -> Result<Waiting<'_>, RegisterError> {
        self.start()?;
        self.waiters.set(self.waiters.get() + 1);
        Ok(Waiting(self))
    }

    /// Somebody is about to wait for a descriptor as one of several things. Nobody tells when that ends:
    /// the monitor looks for itself, once nobody else has it running.
    fn source(&self) -> Result<(), RegisterError> {
        self.sources.set(true);
        self.start()
    }

    fn no_sources(&self) -> bool {
        if self.sources.get() {
            self.sources.set(self.table.has_waiters());
        }
        !self.sources.get()
    }

    /// Whether the monitor's wire runs and is not idle.
    #[inline]
    pub(crate) fn is_looking(&self) -> bool {
        self.wire.is_in_use() && !self.idle.get()
    }

    /// Sees to it that the monitor's wire runs and is not idle.
    pub(crate) fn start(&self) -> Result<(), RegisterError> {
        if self.wire.is_in_use() {
            if self.idle.replace(false) {
                outside::unblock(&self.wire);
            }
            return Ok(());
        }
        // One that was cancelled in its idle block, or before its first turn, left this as it was.
        self.idle.set(false);
        let stack = self.arena.stack().map_err(RegisterError::Stack)?;
        // SAFETY: control block and stack belong to the thread's storage, which outlives `run()`.
        unsafe { self.wire.spawn_daemon(stack, "monitor", monitor) }
            .map_err(RegisterError::Spawn)?;
        Ok(())
    }

    fn serve(&self) -> Result<(), Interrupt> {
        loop {
            if self.waiters.get() == 0 && self.no_moments() && self.no_sources() {
                self.idle.set(true);
                block(Reason::new(&IDLE))?;
                continue;
            }
            self.look();
            outside::park_in_background()?;
        }
    }

    /// One look at the kernel, the mailbox, core's own wake-ups and the clock; sleeps until there is something if no
    /// other wire is ready.
    fn look(&self) {
        let mut timeout = 0;
        if wire_core::is_only_one() && self.mailbox.may_sleep() && outside::may_sleep(&self.bell) {
            timeout = self.until_next_moment();
        }
        let events = self.events.as_ptr().cast_mut().cast::<libc::epoll_event>();
        let wait = || wait_for_events(self.epoll.0.as_fd(), events, timeout);
        let result = if timeout == 0 {
            wait()
        } else {
            outside::asleep(wait)
        };
        let count = match result {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(errno) => panic!("epoll_pwait2: {}", errno.desc()),
        };
        self.mailbox.awake();
        outside::awake();
        for index in 0..count {
            // SAFETY: the kernel has filled in `count` events, and nothing else uses the array.
            let event = unsafe { events.add(index).read() };
            if event.u64 != MAILBOX
                && let Some(entry) = self.table.find(event.u64)
            {
                notify(entry, readiness(event.events));
            }
        }
        self.mailbox.drain();
        self.fire_due();
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("waiters", &self.waiters)
            .finish_non_exhaustive()
    }
}

impl task::Wake for Mailbox {
    fn wake(self: Arc<Mailbox>) {
        self.bell.ring();
    }

    fn wake_by_ref(self: &Arc<Mailbox>) {
        self.bell.ring();
    }
}

/// What the monitor's wire runs, until it is cancelled at the end of `run()`.
fn monitor() {
    // Only a cancellation ends it.
    let _ = with(Monitor::serve);
}

/// Adds to what is remembered of a descriptor and wakes who waits for it.
pub(crate) fn notify(entry: &Entry, state: u8) {
    entry.set(state);
    if state & crate::table::READ != 0 {
        entry.readers.wake_all();
    }
    if state & crate::table::WRITE != 0 {
        entry.writers.wake_all();
    }
}

/// Called by sources when somebody is about to wait for them, perhaps in a later `run()` than that which
/// made them. Without a monitor the wait would be found stuck, which says as much as an error could.
pub(crate) fn about_to_wait() {
    let _ = with(Monitor::source);
}

/// A wait under way; while one is, the monitor looks.
pub(crate) struct Waiting<'a>(&'a Monitor);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiters.set(self.0.waiters.get() - 1);
    }
}

/// `epoll_pwait2`, or `epoll_wait` on kernels before 5.11. `timeout` is in nanoseconds.
fn wait_for_events(
    epoll: BorrowedFd<'_>,
    events: *mut libc::epoll_event,
    timeout: u64,
) -> Result<usize, Errno> {
    let time = libc::timespec {
        tv_sec: (timeout / 1_000_000_000) as libc::time_t,
        tv_nsec: (timeout % 1_000_000_000) as libc::c_long,
    };
    let time_or_forever = if timeout == NEVER {
        ptr::null()
    } else {
        &raw const time
    };
    // SAFETY: the array has `EVENTS` places and is used by nobody else; the time lives here. The
    // system call is made directly because not every C library knows it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            events,
            EVENTS as libc::c_int,
            time_or_forever,
            ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    match Errno::result(result) {
        Err(Errno::ENOSYS) => {}
        other => return other.map(|count| count as usize),
    }
    let millis = if timeout == NEVER {
        -1
    } else {
        timeout.div_ceil(1_000_000).min(libc::c_int::MAX as u64) as libc::c_int
    };
    // SAFETY: as above.
    let result =
        unsafe { libc::epoll_wait(epoll.as_raw_fd(), events, EVENTS as libc::c_int, millis) };
    Errno::result(result).map(|count| count as usize)
}
