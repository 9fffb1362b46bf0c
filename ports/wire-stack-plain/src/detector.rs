//! The overflow detector's place. Catching faults and signals is each system's own business: here an
//! overflow ends the program at its guard, in the way the system has for that.

use crate::StackError;

#[cfg(unix)]
pub use nix::sys::signal::Signal;

/// A system without signals has none to name.
#[cfg(not(unix))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {}

/// Does nothing, successfully: there are no overflow reports here. It is an error in the original
/// only when the system refuses, and programs end then; but they need reports no more than they need
/// overflows, so one that asks for them may go on.
///
/// # Errors
///
/// None.
pub fn install() -> Result<(), StackError> {
    Ok(())
}

/// Refuses: there are no dumps by signal here, and who asks for one must not wait for it in vain.
/// A handler of the program's own may call [`request_dump`](wire_core::request_dump).
///
/// # Errors
///
/// [`StackError::Signal`], always.
pub fn dump_on(signal: Signal) -> Result<(), StackError> {
    Err(StackError::Signal {
        signal: signal as i32,
        errno: 0,
    })
}
