//! Signals that a wire waits for, by signalfd.

use std::cell::Cell;
use std::fmt;
use std::io;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use wire_core::{Kind, Reason, WaitQueue};
use wire_wait::Source;

use crate::error::RegisterError;
use crate::monitor;
use crate::watch::Watch;

static SIGNAL: Kind = Kind::new("signal");

thread_local! {
    /// By number: how many `Signals` of this thread receive it, so that the last one unblocks it.
    static USES: [Cell<u32>; 65] = const { [const { Cell::new(0) }; 65] };
}

/// A set of signals, received here instead of interrupting the program.
///
/// They are blocked for this OS thread while this lives. Other threads of the program must block
/// them as well, or the kernel may pick one of those to interrupt: make this before starting
/// threads, which inherit the mask. Any number of wires may wait for the same ones: each signal goes to one
/// of them. It is a [`Source`] as well, to be waited for beside other things.
///
/// ```
/// use wire_fd::{Signal, Signals};
///
/// wire_core::run(|| {
///     let signals = Signals::new(&[Signal::SIGUSR1])?;
///     # // SAFETY: sends a signal that is blocked to this very thread.
///     # unsafe { libc::raise(libc::SIGUSR1) };
///     // … somebody sends SIGUSR1 …
///     assert_eq!(signals.wait()?, Signal::SIGUSR1);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct Signals {
    fd: Watch<SignalFd>,
    set: SigSet,
}

impl Signals {
    /// Starts to receive `signals`.
    ///
    /// # Errors
    ///
    /// See [`RegisterError`].
    pub fn new(signals: &[Signal]) -> Result<Signals, RegisterError> {
        let set: SigSet = signals.iter().copied().collect();
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let fd = Watch::new_nonblocking(fd)?;
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        for signal in &set {
            USES.with(|uses| {
                let uses = &uses[signal as usize];
                // One that was blocked by others before the first of us stays so: counted once more.
                let first = uses.get() == 0 && before.contains(signal);
                uses.set(uses.get() + 1 + u32::from(first));
            });
        }
        Ok(Signals { fd, set })
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

/// The next signal; an error as [`Signals::wait`] has it.
impl Source for Signals {
    type Item = io::Result<Signal>;

    fn try_take(&self) -> Option<io::Result<Signal>> {
        self.fd.try_read_with(next)
    }

    fn queue(&self) -> &WaitQueue {
        monitor::about_to_wait();
        &self.fd.entry().readers
    }

    fn reason(&self) -> Reason {
        Reason::on(&SIGNAL, self)
    }
}

fn next(fd: &SignalFd) -> io::Result<Signal> {
    match fd.read_signal() {
        Ok(Some(info)) => Signal::try_from(info.ssi_signo as libc::c_int).map_err(io::Error::from),
        Ok(None) => Err(io::ErrorKind::WouldBlock.into()),
        Err(errno) => Err(errno.into()),
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let mut last = SigSet::empty();
        for signal in &self.set {
            USES.with(|uses| {
                let uses = &uses[signal as usize];
                uses.set(uses.get() - 1);
                if uses.get() == 0 {
                    last.add(signal);
                }
            });
        }
        // It can only fail for an invalid set.
        let _ = last.thread_unblock();
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}
