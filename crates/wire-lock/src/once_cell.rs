//! A value made once, by whoever needs it first.

use core::cell::{Cell, OnceCell as Place};
use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue, check_interrupt};

use crate::take::{Take, WireId, wait_to_take};

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
    /// Who makes the value, or is about to.
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
    /// The interrupt that came first, if another wire makes it. Whose turn it is to try does so, even if an interrupt came
    /// before it ran. Errors of making are for `T`, or for [`get_or_try_init`](OnceCell::get_or_try_init).
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
        if !self.take_for(WireId::current()) {
            if let Err(interrupt @ Interrupt::Unwinding) = check_interrupt() {
                return Err(interrupt);
            }
            assert!(
                self.maker.get() != WireId::current(),
                "what makes a value asked for that value, so it would wait for itself"
            );
            wait_to_take(self, Reason::on(&ONCE, self))?;
        }
        if let Some(value) = self.get() {
            return Ok(Ok(value));
        }
        /// Ends the making, however it went. Being woken is taking it on, so that nobody makes or sets a value before
        /// the next one runs: those behind it would not be told of that.
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

/// Either there is the value, or it is for the one that takes this to make it.
impl<T> Take for OnceCell<T> {
    fn take_for(&self, wire: WireId) -> bool {
        if self.value.get().is_some() {
            return true;
        }
        let free = self.maker.get() == WireId::NONE;
        if free {
            self.maker.set(wire);
        }
        free
    }

    fn waiting(&self) -> &WaitQueue {
        &self.waiting
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
