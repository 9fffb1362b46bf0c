//! A value made once, by whoever needs it first.

use core::cell::{Cell, OnceCell as Place};
use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue};
use wire_wait::Source;

use crate::take::{Take, WireId, wait_to_take, would_wait_for_itself};

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
///
/// With `()` for a value it is what std calls a `Once`, for something that is to be done once:
///
/// ```
/// use wire_core::Local;
/// use wire_lock::OnceCell;
///
/// static SET_UP: Local<OnceCell<()>> = Local::new(OnceCell::new());
///
/// fn use_it() -> Result<(), wire_core::Interrupt> {
///     SET_UP.get_or_init(|| println!("the first who comes does this, the others wait for it"))?;
///     Ok(())
/// }
/// # use_it().unwrap();
/// ```
pub struct OnceCell<T> {
    value: Place<T>,
    /// Who makes the value, or was told to when another one had failed.
    maker: Cell<WireId>,
    /// Who makes it if that one fails. Empty if there is none.
    waiting: WaitQueue,
    /// Who only waits until it is there.
    watching: WaitQueue,
}

impl<T> OnceCell<T> {
    /// No value yet.
    pub const fn new() -> OnceCell<T> {
        OnceCell {
            value: Place::new(),
            maker: Cell::new(WireId::NONE),
            waiting: WaitQueue::new(),
            watching: WaitQueue::new(),
        }
    }

    /// The value, if it is made.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, of a cell that nobody else can reach.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// The value, made by `make` if this is the first that asks. If `make` panics or is cancelled, the one that waits
    /// longest tries with its own; nobody comes in between.
    ///
    /// # Errors
    ///
    /// The interrupt that came first, if another wire makes it. What is there is had at once, also by a cancelled wire;
    /// and one whose turn it is to make it does so, even if it was cancelled before it ran. Errors of making are for
    /// `T`, or for [`get_or_try_init`](OnceCell::get_or_try_init).
    ///
    /// # Panics
    ///
    /// When `make` does; if `make` asks for the value that it makes; outside `run()`, if another wire makes it.
    #[inline]
    #[track_caller]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> Result<&T, Interrupt> {
        enum Never {}
        match self.get_or_try_init(|| Ok::<T, Never>(make()))? {
            Ok(value) => Ok(value),
            Err(never) => match never {},
        }
    }

    /// [`get_or_init`](OnceCell::get_or_init) with a `make` that may fail, after which there is no value and the one
    /// that waits longest tries with its own.
    ///
    /// # Errors
    ///
    /// The interrupt that came first, if another wire makes it; inside, that of `make`.
    ///
    /// # Panics
    ///
    /// As for `get_or_init`.
    #[inline]
    #[track_caller]
    pub fn get_or_try_init<E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<&T, E>, Interrupt> {
        match self.get() {
            Some(value) => Ok(Ok(value)),
            None => self.make(make),
        }
    }

    #[cold]
    #[track_caller]
    fn make<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<Result<&T, E>, Interrupt> {
        /// Ends the making, however it went.
        struct Making<'a, T>(&'a OnceCell<T>);
        impl<T> Drop for Making<'_, T> {
            fn drop(&mut self) {
                let cell = self.0;
                cell.maker.set(WireId::NONE);
                // With a value there is something for everybody, without for one.
                while cell.maker.get() == WireId::NONE && cell.waiting.wake_one() {}
                cell.tell_watchers();
            }
        }
        if !self.take_for(WireId::current()) {
            if would_wait_for_itself(self.maker.get())? {
                panic!("what makes a value asked for that value, so it would wait for itself");
            }
            wait_to_take(self, self.reason())?;
        }
        if let Some(value) = self.get() {
            return Ok(Ok(value));
        }
        let _making = Making(self);
        Ok(make().map(|value| self.value.get_or_init(|| value)))
    }

    /// Waits until somebody else has made the value.
    ///
    /// # Errors
    ///
    /// The interrupt that came first. What is there is had at once, also by a cancelled wire.
    ///
    /// # Panics
    ///
    /// If this wire makes the value; outside `run()`, unless it is there.
    #[track_caller]
    pub fn wait(&self) -> Result<&T, Interrupt> {
        loop {
            if let Some(value) = self.get() {
                return Ok(value);
            }
            if would_wait_for_itself(self.maker.get())? {
                panic!("what makes a value waits for that value, so it would wait for itself");
            }
            self.watching.wait(self.reason())?;
        }
    }

    /// Sets the value, unless there is one or somebody makes one; then it comes back.
    ///
    /// # Errors
    ///
    /// The value.
    pub fn set(&self, value: T) -> Result<(), T> {
        if self.maker.get() != WireId::NONE {
            return Err(value);
        }
        self.value.set(value)?;
        self.tell_watchers();
        Ok(())
    }

    fn tell_watchers(&self) {
        if self.get().is_some() {
            self.watching.wake_all();
        }
    }

    /// The value, for good, of a cell that nobody else can reach; it is empty afterwards.
    pub fn take(&mut self) -> Option<T> {
        self.value.take()
    }

    /// The value, for good.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    fn reason(&self) -> Reason {
        Reason::on(&ONCE, self)
    }
}

/// What is to be taken is the making, or the value, of which there is enough.
impl<T> Take for OnceCell<T> {
    fn take_for(&self, wire: WireId) -> bool {
        let to_be_made = self.get().is_none();
        if to_be_made && self.maker.get() != WireId::NONE {
            return false;
        }
        if to_be_made {
            self.maker.set(wire);
        }
        true
    }

    fn waiting(&self) -> &WaitQueue {
        &self.waiting
    }
}

/// Waiting until the value is there as one of several things; like [`wait`](OnceCell::wait), this does not make it.
impl<'a, T> Source for &'a OnceCell<T> {
    type Item = &'a T;

    fn try_take(&self) -> Option<&'a T> {
        OnceCell::get(self)
    }

    fn queue(&self) -> &WaitQueue {
        &self.watching
    }

    fn reason(&self) -> Reason {
        OnceCell::reason(self)
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> OnceCell<T> {
        OnceCell::new()
    }
}

/// A cell with a value.
impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> OnceCell<T> {
        let cell = OnceCell::new();
        // It was empty.
        let _ = cell.value.set(value);
        cell
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
