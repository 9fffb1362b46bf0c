//! Values a wire has of its own for the time of a closure, without a slot being kept for them anywhere.
//!
//! ```text
//!   Details::locals ──► Binding in the frame of ──► Binding in the frame of ──► null
//!                       the innermost `set`         the `set` around it
//! ```
//!
//! A value lies in the frame of [`WireLocal::set`], which does not return before what looks at it has.
//! So there is nothing to allocate, no limit on the number of keys, and wires that use none pay for one
//! pointer. Looking up takes one comparison for each binding that is nested deeper.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::AtomicU8;

use crate::block::fatal;
use crate::scheduler::scheduler;

/// A key for a value that each wire has of its own, while it is in [`set`](WireLocal::set): for what
/// calls further in are to know, such as the request being served, without it being passed down.
///
/// ```
/// use wire_core::{NotSet, WireLocal};
///
/// static REQUEST: WireLocal<u32> = WireLocal::new();
///
/// fn log(what: &str) -> String {
///     REQUEST.with(|id| format!("request {id}: {what}"))
/// }
///
/// wire_core::run(|| {
///     let line = REQUEST.set(7, || log("served"));
///     assert_eq!(line, "request 7: served");
///     assert_eq!(REQUEST.try_with(|id| *id), Err(NotSet));
/// });
/// ```
///
/// A wire started in `set` does not inherit the value: it may outlive it. Pass it on by calling `set`
/// there, too. Outside `run()`, and where a wire's code is called as if outside (in
/// [`without_wire`](crate::outside::without_wire) and the callback for stuck wires), each OS thread has
/// values of its own; neither side sees those of the other.
///
/// Nothing here allocates or waits. A key must be a `static`:
///
/// ```compile_fail,E0716
/// # use wire_core::WireLocal;
/// const KEY: WireLocal<u32> = WireLocal::new();
/// KEY.set(7, || KEY.get());
/// ```
///
/// and is one for values of one type, none that only converts to it:
///
/// ```compile_fail,E0308
/// # use wire_core::WireLocal;
/// static KEY: WireLocal<for<'a> fn(&'a str)> = WireLocal::new();
/// let key: &'static WireLocal<fn(&'static str)> = &KEY;
/// ```
pub struct WireLocal<T> {
    /// Keys are told apart by their addresses. Statics without a size might share one, equal constants
    /// too; what can be written to cannot.
    _address: AtomicU8,
    /// Uses values of just this type, but holds none: so it is `Sync` whatever `T` is, and not a key for
    /// a `&'static str` and a shorter-lived one at the same time.
    values: PhantomData<fn(T) -> T>,
}

/// A [`WireLocal`] has no value: neither the calling function nor any it was called from is in `set`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSet;

impl fmt::Display for NotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this `WireLocal` is not set here; call this inside its `set(value, || …)`, in the same wire, for wires do not inherit values",
        )
    }
}

impl core::error::Error for NotSet {}

/// A value that is set, in the frame of [`WireLocal::set`].
pub(crate) struct Binding {
    key: *const (),
    value: *const (),
    outer: *const Binding,
}

thread_local! {
    /// The bindings of code that runs in no wire.
    static OUTSIDE: Cell<*const Binding> = const { Cell::new(ptr::null()) };
}
/// So it is there until the thread's last instruction, for destructors of other thread-locals too.
const _: () = assert!(!core::mem::needs_drop::<Cell<*const Binding>>());

/// Calls `f` with the bindings of whoever runs.
#[inline]
fn with_bindings<R>(f: impl FnOnce(&Cell<*const Binding>) -> R) -> R {
    match scheduler().current() {
        Some(wire) => f(&wire.details().locals),
        None => OUTSIDE.with(f),
    }
}

impl<T: 'static> WireLocal<T> {
    /// A key without a value.
    #[must_use]
    pub const fn new() -> WireLocal<T> {
        WireLocal {
            _address: AtomicU8::new(0),
            values: PhantomData,
        }
    }

    fn key(&'static self) -> *const () {
        ptr::from_ref(self).cast()
    }

    /// Calls `f`, in which `value` is the one of the running wire. In another `set` of the same key
    /// further in that one counts, until it returns or unwinds. The value is dropped at the end.
    ///
    /// Other wires of the thread may run in the meantime; they do not see it.
    ///
    /// # Aborts
    ///
    /// If a coroutine of another crate, suspended in `f`, ends it in another wire or after an outer one.
    pub fn set<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        struct Unlink(*const Binding, *const Binding);
        impl Drop for Unlink {
            fn drop(&mut self) {
                with_bindings(|bindings| {
                    // So it is unless a coroutine of another crate has carried `f` from wire to wire.
                    if bindings.get() != self.0 {
                        fatal("a value set in one wire was unset in another, or out of turn");
                    }
                    bindings.set(self.1);
                });
            }
        }
        let binding = Binding {
            key: self.key(),
            value: (&raw const value).cast(),
            outer: with_bindings(Cell::get),
        };
        let _unlink = Unlink(&raw const binding, binding.outer);
        with_bindings(|bindings| bindings.set(&raw const binding));
        f()
    }

    /// Calls `f` with the value.
    ///
    /// # Errors
    ///
    /// [`NotSet`], without calling `f`.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, NotSet> {
        let mut binding = with_bindings(Cell::get);
        // SAFETY: bindings lie in frames of `set` further out on this stack, which unlink them, the last
        // one first, before they go.
        while let Some(found) = unsafe { binding.as_ref() } {
            if found.key == self.key() {
                // SAFETY: the key is in its place for good, so this was set by it and is a `T`. `set`,
                // further out on this stack, keeps it in place and only ever shares it.
                return Ok(f(unsafe { &*found.value.cast::<T>() }));
            }
            binding = found.outer;
        }
        Err(NotSet)
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    ///
    /// With the message of [`NotSet`].
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// A copy of the value.
    ///
    /// # Panics
    ///
    /// With the message of [`NotSet`].
    #[must_use]
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(|value| *value)
    }
}

impl<T: 'static> Default for WireLocal<T> {
    fn default() -> WireLocal<T> {
        WireLocal::new()
    }
}

impl<T> fmt::Debug for WireLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireLocal").finish_non_exhaustive()
    }
}
