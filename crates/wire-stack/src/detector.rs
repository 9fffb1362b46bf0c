//! The overflow detector: tells which wire ran out of stack before the process ends.
//!
//! ```text
//!   a wire touches its guard ──► SIGSEGV, on the thread's alternate stack ──► on_fault:
//!     (1) which wire's guard?  ── none ──────────┐
//!     (2) write the report to standard error     │
//!     (3) the handler that was there before  ◄───┘    (Rust's own, a crash reporter, or the
//!                                                      default, which ends the process)
//! ```
//!
//! The handler only reads, and calls what is async-signal-safe. It gives no opinion on faults that touch
//! no guard.

mod alternate;
mod dump;
mod find;
mod report;

use std::mem;
use std::ptr;
use std::sync::OnceLock;

use nix::errno::Errno;
use wire_core::outside::set_start_hook;

use crate::{StackError, sys};
pub use dump::dump_on;
use find::find;
pub use nix::sys::signal::Signal;

/// Faults come as one of these: which one, only the system knows.
const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// The handlers that were there before, in that order.
static BEFORE: [OnceLock<libc::sigaction>; 2] = [const { OnceLock::new() }; 2];

/// Has stack overflows reported on standard error, with the wire's name, the address, the stack's
/// place and size and what to change. The process then ends the way it would have without.
///
/// It counts for the whole process, and for the wires of each OS thread that calls `run()` from
/// then on. Calling it again does nothing.
///
/// Signal handlers installed later should call the one that was there before.
///
/// # Errors
///
/// If the system refuses.
pub fn install() -> Result<(), StackError> {
    static DONE: OnceLock<Result<(), StackError>> = OnceLock::new();
    *DONE.get_or_init(|| {
        // Known from here on, so that the handler need not ask.
        sys::page_size();
        give_alternate_stacks();
        SIGNALS
            .iter()
            .zip(&BEFORE)
            .try_for_each(|(&signal, before)| take_over(signal, before))
    })
}

/// To each thread that enters `run()` from now on, and to this one.
fn give_alternate_stacks() {
    set_start_hook(alternate::set_up);
    if wire_core::outside::in_wire() {
        // This thread has passed the hook already.
        alternate::set_up();
    }
}

fn take_over(signal: libc::c_int, before: &OnceLock<libc::sigaction>) -> Result<(), StackError> {
    let check = |done| {
        Errno::result(done)
            .map(drop)
            .map_err(|errno| StackError::Detector {
                errno: errno as i32,
            })
    };
    // SAFETY: all zeroes is a `sigaction`: the default, without flags.
    let mut old: libc::sigaction = unsafe { mem::zeroed() };
    // First asked for, then replaced: a fault between the two finds it.
    // SAFETY: writes `old` only.
    check(unsafe { libc::sigaction(signal, ptr::null(), &raw mut old) })?;
    before.get_or_init(|| old);
    let mut new = old;
    new.sa_sigaction = on_fault as *const () as usize;
    new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `on_fault` is a handler of the three-argument kind and does only what a handler may.
    unsafe {
        libc::sigemptyset(&raw mut new.sa_mask);
        check(libc::sigaction(signal, &raw const new, ptr::null_mut()))
    }
}

extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let errno = Errno::last_raw();
    // SAFETY: the kernel passes valid information. Without a positive code somebody sent the
    // signal, and there is no address.
    let (address, is_fault) = unsafe { ((*info).si_addr().addr(), (*info).si_code > 0) };
    if is_fault && let Some(report) = find(address) {
        report.write();
    }
    Errno::set_raw(errno);
    // SAFETY: what the kernel passed goes on unchanged.
    unsafe { hand_over(signal, info, context) };
}

/// Does what would have happened without us.
///
/// # Safety
///
/// Called by a signal handler with what it was given.
unsafe fn hand_over(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let at = SIGNALS.iter().position(|&known| known == signal);
    let before = at.and_then(|at| BEFORE[at].get());
    match before.map_or(libc::SIG_DFL, |before| before.sa_sigaction) {
        // A fault that is ignored ends the process too.
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: the default for a signal that is being handled: touching the guard again on
            // return then ends the process; what somebody sent has to be sent once more.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                if (*info).si_code <= 0 {
                    libc::raise(signal);
                }
            }
        }
        handler if before.is_some_and(|before| before.sa_flags & libc::SA_SIGINFO != 0) => {
            type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: the flag says that it is one of this kind; it is called as the kernel would.
            unsafe { mem::transmute::<usize, Handler>(handler)(signal, info, context) }
        }
        handler => {
            // SAFETY: as above, without the flag.
            unsafe { mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler)(signal) }
        }
    }
}
