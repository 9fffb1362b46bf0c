//! A list of all wires whenever a signal asks for it.

use std::mem;
use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use wire_core::request_dump;

use super::give_alternate_stacks;
use crate::StackError;

/// Has `signal` ask every OS thread that runs wires for a [`dump`](wire_core::dump()) on standard error:
/// `kill -USR1` then shows what a program that seems to hang waits for.
///
/// The dump comes at latest 1,024 switches later, from each thread for itself. A thread that sleeps in
/// the kernel writes at once if the signal interrupts it, which is so for one whose wires wait for
/// descriptors or times if the kernel delivers the signal to it. It picks any thread of the process that
/// does not block the signal; and one that comes in the instant before the thread falls asleep does not
/// wake it. A thread not interrupted writes when it next runs. See [`request_dump`].
///
/// It counts for the whole process. Blocking system calls elsewhere are restarted, as far as the system
/// does that. Calling it again for the same signal does nothing.
///
/// # Errors
///
/// If the signal has a handler already (being ignored is none), if it is one that faults send, and if the
/// system refuses, as for `SIGKILL`. Nothing has changed then.
pub fn dump_on(signal: Signal) -> Result<(), StackError> {
    use Signal::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    let number = signal as libc::c_int;
    if let SIGBUS | SIGFPE | SIGILL | SIGSEGV | SIGSYS | SIGTRAP = signal {
        // Returning from their handler runs into the fault again, for ever.
        return Err(StackError::Signal {
            signal: number,
            errno: 0,
        });
    }
    let check = |done| {
        Errno::result(done)
            .map(drop)
            .map_err(|errno| StackError::Signal {
                signal: number,
                errno: errno as i32,
            })
    };
    let ours = on_signal as *const () as usize;
    // SAFETY: all zeroes is a `sigaction`: the default, without flags.
    let mut old: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: writes `old` only.
    check(unsafe { libc::sigaction(number, ptr::null(), &raw mut old) })?;
    match old.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {}
        handler if handler == ours => return Ok(()),
        _ => return Err(StackError::SignalTaken { signal: number }),
    }
    // The frame of a handler is a few kilobytes, and wires' stacks may be small.
    give_alternate_stacks();
    let mut new = old;
    new.sa_sigaction = ours;
    new.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: `on_signal` is a handler of the one-argument kind and does only what a handler may.
    unsafe {
        libc::sigemptyset(&raw mut new.sa_mask);
        check(libc::sigaction(number, &raw const new, ptr::null_mut()))
    }
}

extern "C" fn on_signal(_: libc::c_int) {
    request_dump();
}
