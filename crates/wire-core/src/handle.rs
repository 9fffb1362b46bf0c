//! What one holds of a wire: the right to its outcome, or just a name for it.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use std::any::Any;

use crate::block::{self, Interrupt};
use crate::queue::WaitQueue;
use crate::reason::{Kind, Reason};
use crate::scheduler::scheduler;
use crate::spawn::{Outcome, discard};
use crate::wire::{JOINABLE, PERMANENT, State, Wire};

/// What a panic threw, as [`std::thread::Result`] has it.
pub type Payload = Box<dyn Any + Send + 'static>;

static JOIN: Kind = Kind::new("join");

/// Why a join has no value.
pub enum JoinError {
    /// The wire panicked with this.
    Panicked(Payload),
    /// The wire was cancelled before it finished.
    Cancelled,
    /// The *joining* wire was interrupted; the other one goes on, detached.
    Interrupted(Interrupt),
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Panicked(_) => f.write_str("Panicked(..)"),
            JoinError::Cancelled => f.write_str("Cancelled"),
            JoinError::Interrupted(why) => f.debug_tuple("Interrupted").field(why).finish(),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Panicked(_) => f.write_str("the wire panicked"),
            JoinError::Cancelled => f.write_str("the wire was cancelled"),
            JoinError::Interrupted(why) => write!(f, "joining was interrupted: {why}"),
        }
    }
}

impl core::error::Error for JoinError {}

/// The right to a wire's result, and to its memory being kept until that was fetched.
///
/// Dropping it detaches the wire: it goes on, and its result is dropped when it ends. Forgetting it
/// leaks the control block and stack, nothing worse.
pub struct JoinHandle<'m, T> {
    pub(crate) wire: NonNull<Wire>,
    pub(crate) memory: PhantomData<(&'m Wire, T)>,
}

impl<'m, T> JoinHandle<'m, T> {
    fn wire(&self) -> &Wire {
        // SAFETY: the handle's memory is good for `'m`, and the wire keeps its slot while the
        // handle lives.
        unsafe { self.wire.as_ref() }
    }

    /// Waits until the wire is over, leaving its outcome for [`join`](JoinHandle::join).
    ///
    /// # Errors
    ///
    /// The interrupt of the waiting wire that came first.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless the wire is over.
    #[track_caller]
    pub fn wait(&self) -> Result<(), Interrupt> {
        let wire = self.wire();
        // Whoever reaches the queue may wake those in it.
        while wire.state.get() != State::Ended {
            wire.joiners().wait(self.join_reason())?;
        }
        Ok(())
    }

    /// Where those stand who wait for the wire's end: for waiting for that or something else, as wire-wait does. All are
    /// woken when the handle [is finished](JoinHandle::is_finished).
    pub fn joiners(&self) -> &WaitQueue {
        self.wire().joiners()
    }

    /// What reports say of a wire that waits for the end of this one.
    pub fn join_reason(&self) -> Reason {
        Reason::on(&JOIN, self.wire.as_ptr())
    }

    /// Waits until the wire is over and gives its result. Allocates nothing.
    ///
    /// # Errors
    ///
    /// What the wire panicked with, or that it was cancelled, or that this wire was interrupted
    /// while it waited. The last detaches the wire; to try again instead, use
    /// [`wait`](JoinHandle::wait) first.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless the wire is over.
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        self.wait().map_err(JoinError::Interrupted)?;
        let this = ManuallyDrop::new(self);
        let wire = this.wire();
        // SAFETY: the wire has ended, so its outcome lies there, and this handle alone may take it.
        let outcome = unsafe { wire.details().packet.get().cast::<Outcome<T>>().read() };
        // A wire's handle cannot leave its scope, whose record therefore is there.
        if let (Err(JoinError::Panicked(_)), Some(scope)) = (&outcome, wire.scope()) {
            scope.panic_was_joined();
        }
        wire.free();
        outcome
    }

    /// Whether the wire is over, so that `join` would not wait.
    pub fn is_finished(&self) -> bool {
        self.wire().state.get() == State::Ended
    }

    /// Lets the wire go on alone.
    pub fn detach(self) {}

    /// Cancels the wire; see [`Handle::cancel`].
    pub fn cancel(&self) {
        block::cancel(self.wire());
    }

    /// A handle that names the wire without a claim to its result.
    pub fn handle(&self) -> Handle<'m> {
        Handle {
            wire: self.wire,
            generation: self.wire().generation.get(),
            memory: PhantomData,
        }
    }
}

impl<T> Drop for JoinHandle<'_, T> {
    fn drop(&mut self) {
        let wire = self.wire();
        if wire.state.get() == State::Ended {
            // SAFETY: as in `join`.
            unsafe { discard(wire, wire.details().packet.get().cast::<Outcome<T>>()) };
            wire.free();
        } else {
            wire.set(JOINABLE, false);
        }
    }
}

impl<T> fmt::Debug for JoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("wire", self.wire())
            .finish_non_exhaustive()
    }
}

/// A name for a wire, to resume or cancel it by. It may be stored and outlive the wire: it then
/// names nobody, and what one does with it has no effect.
#[derive(Clone, Copy)]
pub struct Handle<'m> {
    wire: NonNull<Wire>,
    generation: u32,
    memory: PhantomData<&'m Wire>,
}

impl Handle<'static> {
    /// The running wire; `None` outside `run()`, and in a wire whose memory is only lent (one
    /// started in a [`scope`](crate::scope())): there, take the handle that the spawn returned.
    pub fn current() -> Option<Handle<'static>> {
        let wire = scheduler().current()?;
        let generation = wire.generation.get();
        wire.has(PERMANENT).then(|| Handle {
            wire: NonNull::from(wire),
            generation,
            memory: PhantomData,
        })
    }
}

impl Handle<'_> {
    fn wire(&self) -> Option<&Wire> {
        // SAFETY: the memory is good for `'m`.
        let wire = unsafe { self.wire.as_ref() };
        (wire.generation.get() == self.generation).then_some(wire)
    }

    /// Whether the wire is over.
    pub fn is_finished(&self) -> bool {
        self.wire()
            .is_none_or(|wire| matches!(wire.state.get(), State::Idle | State::Ended))
    }

    /// The wire's name; empty once it is gone.
    pub fn name(&self) -> &'static str {
        self.wire().map_or("", |wire| wire.details().name.get())
    }

    /// Makes the wire go on if it [suspended](crate::suspend) itself, at the end of the ready
    /// queue. A wire that is ready, running, over, or waits for something else is left alone.
    pub fn resume(&self) {
        if let Some(wire) = self.wire() {
            block::resume(wire);
        }
    }

    /// Cancels the wire: wherever it waits, or next tries to, that wait fails or unwinds, and so
    /// does every later one. What it is in the middle of unwinds through its destructors. A wire
    /// that never ran never will; its closure is dropped.
    ///
    /// With `panic = "abort"`, a wire that learns of it in a call that cannot fail, a
    /// [`yield_now`](crate::yield_now) for instance, [ends the process](crate#with-panic--abort).
    pub fn cancel(&self) {
        if let Some(wire) = self.wire() {
            block::cancel(wire);
        }
    }
}

impl PartialEq for Handle<'_> {
    fn eq(&self, other: &Handle<'_>) -> bool {
        self.wire == other.wire && self.generation == other.generation
    }
}

impl Eq for Handle<'_> {}

impl fmt::Debug for Handle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("name", &self.name())
            .field("finished", &self.is_finished())
            .finish()
    }
}
