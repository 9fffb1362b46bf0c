//! Signals that a wire waits for, by a handler that writes to pipes.
//!
//! ```text
//!   handler, on any OS thread:  for each slot that wants the signal, write its number ──► pipe ─┐
//!   wire:  Signals ──► Slot ──► wait until the pipe can be read ◄───────────────────────────────┘
//! ```
//!
//! The handler may run while a slot changes hands, so slots and their pipes are never given back,
//! only used again; there are as many as there were ever sets of signals at once.

use std::cell::Cell;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Where a set of signals is received.
struct Slot {
    /// By number, one bit each.
    wanted: AtomicU32,
    taken: AtomicBool,
    reader: PipeReader,
    writer: PipeWriter,
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
        if slot.wanted.load(Ordering::Relaxed) & bit(signal) != 0 {
            let number = signal as u8;
            // One that is full has enough to tell of already.
            // SAFETY: slots and their pipes stay; the byte lives here. `write` may be called here.
            unsafe { libc::write(slot.writer.as_raw_fd(), (&raw const number).cast(), 1) };
        }
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
    fn take() -> Result<&'static Slot, Errno> {
        let idle = slots().find(|slot| !slot.taken.swap(true, Ordering::Acquire));
        if let Some(slot) = idle {
            // What its last user has not read.
            while (&slot.reader).read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
            return Ok(slot);
        }
        let (reader, writer) = io::pipe().map_err(errno)?;
        for end in [reader.as_fd(), writer.as_fd()] {
            nonblocking(end)?;
        }
        let slot = Box::leak(Box::new(Slot {
            wanted: AtomicU32::new(0),
            taken: AtomicBool::new(true),
            reader,
            writer,
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
        Ok(slot)
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

/// A slot's pipe, to be waited for.
struct Pipe(&'static Slot);

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.reader.as_fd()
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
        let slot = Slot::take()?;
        let fd = Watch::new_nonblocking(Pipe(slot)).inspect_err(|_| {
            slot.taken.store(false, Ordering::Release);
        })?;
        // What it has when something fails is given back.
        let mut this = Signals {
            fd,
            set: SigSet::empty(),
        };
        let mask = SigSet::thread_get_mask()?;
        for signal in &signals.iter().copied().collect::<SigSet>() {
            slot.wanted
                .fetch_or(bit(signal as libc::c_int), Ordering::Relaxed);
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
        self.fd.read_with(|pipe| self.next(pipe))
    }

    fn next(&self, pipe: &Pipe) -> io::Result<Signal> {
        loop {
            let mut number = [0];
            (&pipe.0.reader).read_exact(&mut number)?;
            // The handler may have been at work for the last user of the pipe.
            if let Ok(signal) = Signal::try_from(libc::c_int::from(number[0]))
                && self.set.contains(signal)
            {
                return Ok(signal);
            }
        }
    }
}

/// The next signal; an error as [`Signals::wait`] has it.
impl Source for Signals {
    type Item = io::Result<Signal>;

    fn try_take(&self) -> Option<io::Result<Signal>> {
        self.fd.try_read_with(|pipe| self.next(pipe))
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
        let slot = self.fd.get_ref().0;
        slot.wanted.store(0, Ordering::Relaxed);
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
        // For another thread from now on, or this one once `fd` is gone, which is next.
        slot.taken.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}
