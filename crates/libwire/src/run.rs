//! `run`, with the stack overflow detector in place.

use std::sync::Once;

/// Runs `main` as the first wire of this OS thread, and all wires started inside, until none is
/// left: [`wire_core::run`], with [`wire_stack`]'s detector installed, so that a stack overflow says
/// which wire it was. [`Runtime`](wire_core::Runtime) has settings and installs nothing.
///
/// ```
/// assert_eq!(libwire::run(|| 6 * 7), 42);
/// ```
///
/// # Panics
///
/// As [`wire_core::run`] does.
#[track_caller]
pub fn run<T>(main: impl FnOnce() -> T) -> T {
    static INSTALL: Once = Once::new();
    // Without it a program runs as well; only the report of an overflow is poorer.
    INSTALL.call_once(|| {
        let _ = wire_stack::detector::install();
    });
    wire_core::run(main)
}
