//! A value made once, by whoever needs it first.

use core::cell::{Cell, OnceCell as Place};
use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue, check_interrupt};

use crate::take::WireId;

static ONCE: Kind = Kind::new("once");

/// A value that is made when it is first needed, by code that may wait; others then wait for it.
///
/// Without waiting in it, [`core::cell::OnceCell`] will do.
///
/// ```
/// let cell = wire_lock::OnceCell::new();
/// assert_eq!(cell.get(), None);
/// assert_eq!(cell.get_or_init(|| 6 * 7), Ok(&42));
/// assert_eq!(cell.get_or_init(|| unreachable!()), Ok(&42));
/// ```
pub struct OnceCell<T> {
    value: Place<T>,
    /// Who makes the value.
    maker: Cell<WireId>,
    waiting: WaitQueue,
}

impl<T> OnceCell<T> {
    /// No value yet.
    pub const fn new() -> OnceCell<T> {
        OnceCell {
            value: Place::new(),
            maker: Cell::new(WireId::NONE),
            waiting: WaitQueue::new(),
        }
    }

    /// The value, if it is made.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, made by `make` if this is the first that asks. If `make` panics or is cancelled, the one that waits longest
    /// tries with its own.
    ///
    /// # Errors
    ///
    /// The interrupt that came first, if another wire makes it. Errors of making are for `T`, or for
    /// [`get_or_try_init`](OnceCell::get_or_try_init).
    ///
    /// # Panics
    ///
    /// When `make` does; and if `make` asks for the value that it makes.
    #[track_caller]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> Result<&T, Interrupt> {
        enum Never {}
        match self.get_or_try_init(|| Ok::<T, Never>(make()))? {
            Ok(value) => Ok(value),
            Err(never) => match never {},
        }
    }

    /// [`get_or_init`](OnceCell::get_or_init) with a `make` that may fail, after which there is no value and the one that waits
    /// longest tries with its own.
    ///
    /// # Errors
    ///
    /// The interrupt that came first, if another wire makes it; inside, that of `make`.
    ///
    /// # Panics
    ///
    /// As for `get_or_init`.
    #[track_caller]
    pub fn get_or_try_init<E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<&T, E>, Interrupt> {
        loop {
            if let Some(value) = self.get() {
                return Ok(Ok(value));
            }
            if self.maker.get() == WireId::NONE {
                break;
            }
            if let Err(interrupt @ Interrupt::Unwinding) = check_interrupt() {
                return Err(interrupt);
            }
            assert!(
                self.maker.get() != WireId::current(),
                "what makes a value asked for that value, so it would wait for itself"
            );
            self.waiting.wait(Reason::on(&ONCE, self))?;
        }
        /// Ends the making, however it went.
        struct Making<'a, T>(&'a OnceCell<T>);
        impl<T> Drop for Making<'_, T> {
            fn drop(&mut self) {
                self.0.maker.set(WireId::NONE);
                if self.0.value.get().is_some() {
                    self.0.waiting.wake_all();
                } else {
                    self.0.waiting.wake_one();
                }
            }
        }
        self.maker.set(WireId::current());
        let _making = Making(self);
        Ok(make().map(|value| self.value.get_or_init(|| value)))
    }

    /// Sets the value, unless there is one or somebody makes one; then it comes back.
    ///
    /// # Errors
    ///
    /// The value.
    pub fn set(&self, value: T) -> Result<(), T> {
        if self.maker.get() == WireId::NONE {
            self.value.set(value)
        } else {
            Err(value)
        }
    }

    /// The value, for good.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> OnceCell<T> {
        OnceCell::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(value) => f.debug_tuple("OnceCell").field(value).finish(),
            None => f.write_str("OnceCell(<no value>)"),
        }
    }
}
