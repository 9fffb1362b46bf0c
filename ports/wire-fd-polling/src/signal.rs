//! Signals that a wire waits for, by a handler that writes to pipes.
//!
//! ```text
//!   handler, on any OS thread:  for each slot that wants the signal, write its number ──► pipe ─┐
//!   wire:  Signals ──► Slot ──► wait until the pipe can be read ◄───────────────────────────────┘
//! ```
//!
//! A handler may be at work, on another thread, while a set comes or goes. So slots are never given back, only
//! used again; there are as many as there were ever sets at once. A slot's pipe is closed with its set, but
//! only when no handler can be about to write to it: the number may be another file's in the next moment.

use std::cell::Cell;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use wire_core::{Kind, Reason, WaitQueue};
use wire_wait::Source;

use crate::error::RegisterError;
use crate::monitor;
use crate::sources::errno;
use crate::table::READ;
use crate::watch::{Pollable, Watch};

static SIGNAL: Kind = Kind::new("signal");

/// One more than the highest number of a signal that has a name.
const SIGNALS: usize = 32;

/// How often a pipe that is to be closed looks whether a handler is at work for it, with a turn of the system's
/// scheduler in between. Handlers take a microsecond, unless another signal's goes on inside of one.
const LOOKS: u32 = 10_000;

/// Where a set of signals is received.
struct Slot {
    /// By number, one bit each.
    wanted: AtomicU32,
    taken: AtomicBool,
    /// How many handlers are between looking at `wanted` and having written.
    busy: AtomicU32,
    /// The end of the pipe to write to; good while something is wanted or somebody busy.
    writer: AtomicI32,
    /// The slot made before this one.
    next: AtomicPtr<Slot>,
}

/// The slot made last.
static SLOTS: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());

/// What became of a signal before us, and how many sets receive it.
struct Installed {
    count: usize,
    before: Option<SigAction>,
}

static INSTALLED: Mutex<[Installed; SIGNALS]> = Mutex::new(
    [const {
        Installed {
            count: 0,
            before: None,
        }
    }; SIGNALS],
);

/// A signal's place in this thread's mask.
#[derive(Clone, Copy)]
struct Masked {
    /// How many `Signals` of this thread receive it.
    uses: u32,
    /// It was blocked when the first of them came.
    before: bool,
}

thread_local! {
    /// By number.
    static MASKED: [Cell<Masked>; SIGNALS] =
        const { [const { Cell::new(Masked { uses: 0, before: false }) }; SIGNALS] };
}

extern "C" fn handler(signal: libc::c_int) {
    let before = Errno::last_raw();
    for slot in slots() {
        // Both in one order with those of `is_quiet`: either it sees us busy, or we see nothing wanted.
        slot.busy.fetch_add(1, Ordering::SeqCst);
        if slot.wanted.load(Ordering::SeqCst) & bit(signal) != 0 {
            let (pipe, number) = (slot.writer.load(Ordering::Relaxed), signal as u8);
            // One that is full has enough to tell of already.
            // SAFETY: the pipe stays while we are busy; the byte lives here. `write` may be called here.
            unsafe { libc::write(pipe, (&raw const number).cast(), 1) };
        }
        slot.busy.fetch_sub(1, Ordering::Release);
    }
    Errno::set_raw(before);
}

fn bit(signal: libc::c_int) -> u32 {
    1_u32.checked_shl(signal as u32).unwrap_or(0)
}

fn slots() -> impl Iterator<Item = &'static Slot> {
    let at = |slot: &AtomicPtr<Slot>| {
        // SAFETY: null or a slot, which stays.
        unsafe { slot.load(Ordering::Acquire).as_ref() }
    };
    std::iter::successors(at(&SLOTS), move |slot| at(&slot.next))
}

impl Slot {
    /// One that nobody uses, or a new one.
    fn take() -> &'static Slot {
        if let Some(idle) = slots().find(|slot| !slot.taken.swap(true, Ordering::Acquire)) {
            return idle;
        }
        let slot = Box::leak(Box::new(Slot {
            wanted: AtomicU32::new(0),
            taken: AtomicBool::new(true),
            busy: AtomicU32::new(0),
            writer: AtomicI32::new(-1),
            next: AtomicPtr::new(SLOTS.load(Ordering::Relaxed)),
        }));
        while let Err(newer) = SLOTS.compare_exchange(
            slot.next.load(Ordering::Relaxed),
            slot,
            Ordering::Release,
            Ordering::Relaxed,
        ) {
            slot.next.store(newer, Ordering::Relaxed);
        }
        slot
    }

    /// Wants nothing any more. `false` if a handler would still write to the pipe, for all one knows.
    fn is_quiet(&self) -> bool {
        self.wanted.store(0, Ordering::SeqCst);
        let quiet = || self.busy.load(Ordering::SeqCst) == 0;
        (0..LOOKS).any(|_| {
            quiet() || {
                thread::yield_now();
                false
            }
        })
    }
}

fn nonblocking(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).map(drop)
}

fn installed() -> MutexGuard<'static, [Installed; SIGNALS]> {
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the handler called for a signal from now on.
fn install(signal: Signal) -> Result<(), Errno> {
    // Those are not sent but come of what the program does, and the next instruction does it again.
    if let Signal::SIGSEGV | Signal::SIGBUS | Signal::SIGFPE | Signal::SIGILL = signal {
        return Err(Errno::EINVAL);
    }
    let installed = &mut installed()[signal as usize];
    if installed.count == 0 {
        // A wire's stack may be small; there is another one where overflows are detected.
        let flags = SaFlags::SA_RESTART | SaFlags::SA_ONSTACK;
        let ours = SigAction::new(SigHandler::Handler(handler), flags, SigSet::empty());
        // SAFETY: the handler reads atomics and writes to pipes, nothing else.
        installed.before = Some(unsafe { sigaction(signal, &ours) }?);
    }
    installed.count += 1;
    Ok(())
}

/// Undoes one `install`; the last one brings back what was there before the first.
fn uninstall(signal: Signal) {
    let installed = &mut installed()[signal as usize];
    installed.count -= 1;
    if installed.count > 0 {
        return;
    }
    let Some(before) = installed.before.take() else {
        return;
    };
    // SAFETY: it only asks, and zeroes are an action.
    let now = unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal as libc::c_int, ptr::null(), &raw mut now);
        now.sa_sigaction
    };
    // Unless somebody came after us, whose it is now.
    if now == handler as *const () as usize {
        // SAFETY: it was in force before us, and whoever put it there has not taken it back.
        let _ = unsafe { sigaction(signal, &before) };
    }
}

/// A slot and its pipe, to be waited for.
struct Pipe {
    slot: &'static Slot,
    reader: ManuallyDrop<PipeReader>,
    writer: ManuallyDrop<PipeWriter>,
}

impl Pipe {
    fn open() -> Result<Pipe, Errno> {
        let (reader, writer) = io::pipe().map_err(errno)?;
        for end in [reader.as_fd(), writer.as_fd()] {
            nonblocking(end)?;
        }
        let slot = Slot::take();
        // Handlers see it by what is wanted, which comes later.
        slot.writer.store(writer.as_raw_fd(), Ordering::Relaxed);
        Ok(Pipe {
            slot,
            reader: ManuallyDrop::new(reader),
            writer: ManuallyDrop::new(writer),
        })
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // If not, both stay for good. Better than that a handler wrote to a file of somebody else, or died of
        // a pipe that nobody reads.
        if self.slot.is_quiet() {
            // SAFETY: not used again, by us or by a handler.
            unsafe {
                ManuallyDrop::drop(&mut self.writer);
                ManuallyDrop::drop(&mut self.reader);
            }
            self.slot.taken.store(false, Ordering::Release);
        }
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Pollable for Pipe {}

/// A set of signals, received here instead of interrupting the program.
///
/// While this lives, a handler of the whole program receives them, whatever OS thread they come to;
/// every set that has a signal in it is given it. This thread does not block them meanwhile. What was
/// to become of a signal before comes back with the end of the last set that has it. Any number of wires
/// may wait for the same set: each signal goes to one of them. It is a [`Source`] as well, to be waited for
/// beside other things.
///
/// ```
/// use wire_fd::{Signal, Signals};
///
/// wire_core::run(|| {
///     let signals = Signals::new(&[Signal::SIGUSR1])?;
///     # // SAFETY: sends a signal that is received here to this very thread.
///     # unsafe { libc::raise(libc::SIGUSR1) };
///     // … somebody sends SIGUSR1 …
///     assert_eq!(signals.wait()?, Signal::SIGUSR1);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct Signals {
    fd: Watch<Pipe>,
    set: SigSet,
}

impl Signals {
    /// Starts to receive `signals`.
    ///
    /// # Errors
    ///
    /// See [`RegisterError`]. `EINVAL` for those that cannot be received: SIGKILL and SIGSTOP, and
    /// SIGSEGV, SIGBUS, SIGFPE and SIGILL, which belong to the instruction that caused them.
    pub fn new(signals: &[Signal]) -> Result<Signals, RegisterError> {
        let fd = Watch::new_nonblocking(Pipe::open()?)?;
        let slot = fd.get_ref().slot;
        // What it has when something fails is given back.
        let mut this = Signals {
            fd,
            set: SigSet::empty(),
        };
        let mask = SigSet::thread_get_mask()?;
        for signal in &signals.iter().copied().collect::<SigSet>() {
            slot.wanted
                .fetch_or(bit(signal as libc::c_int), Ordering::SeqCst);
            install(signal)?;
            this.set.add(signal);
            MASKED.with(|masked| {
                let masked = &masked[signal as usize];
                let Masked { uses, mut before } = masked.get();
                if uses == 0 {
                    before = mask.contains(signal);
                }
                let uses = uses + 1;
                masked.set(Masked { uses, before });
            });
        }
        this.set.thread_unblock()?;
        Ok(this)
    }

    /// Waits for the next of the signals.
    ///
    /// # Errors
    ///
    /// As for [`Watch::readable`].
    pub fn wait(&self) -> io::Result<Signal> {
        self.fd.read_with(next)
    }
}

fn next(pipe: &Pipe) -> io::Result<Signal> {
    let mut number = [0];
    (&*pipe.reader).read_exact(&mut number)?;
    Signal::try_from(libc::c_int::from(number[0])).map_err(io::Error::from)
}

/// The next signal; an error as [`Signals::wait`] has it.
impl Source for Signals {
    type Item = io::Result<Signal>;

    fn try_take(&self) -> Option<io::Result<Signal>> {
        self.fd.try_read_with(next)
    }

    fn queue(&self) -> &WaitQueue {
        monitor::about_to_wait(self.fd.entry(), READ);
        &self.fd.entry().readers
    }

    fn reason(&self) -> Reason {
        Reason::on(&SIGNAL, self)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let mut blocked = SigSet::empty();
        for signal in &self.set {
            uninstall(signal);
            MASKED.with(|masked| {
                let masked = &masked[signal as usize];
                let Masked { uses, before } = masked.get();
                let uses = uses - 1;
                masked.set(Masked { uses, before });
                if uses == 0 && before {
                    blocked.add(signal);
                }
            });
        }
        // It can only fail for an invalid set.
        let _ = blocked.thread_block();
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}
