//! A wake-up without data: the C library's `wire_wait_t`, for any number of waiting wires.

use core::cell::Cell;
use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue};

use crate::source::Source;

static WAKEUP: Kind = Kind::new("wake-up");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Armed,
    Triggered,
    Stopped,
}

/// A wake-up without data. Triggered by [`resume`](Wakeup::resume), it stays so until
/// [`reset`](Wakeup::reset), and everybody who waits for it meanwhile goes on at once.
///
/// ```
/// let wakeup = wire_wait::Wakeup::new();
/// assert!(wakeup.resume());
/// assert!(!wakeup.resume(), "it is triggered already");
/// assert_eq!(wire_core::run(|| wakeup.wait()), Ok(()));
/// ```
pub struct Wakeup {
    state: Cell<State>,
    waiting: WaitQueue,
}

impl Wakeup {
    /// A wake-up that nobody has triggered.
    pub const fn new() -> Wakeup {
        Wakeup {
            state: Cell::new(State::Armed),
            waiting: WaitQueue::new(),
        }
    }

    /// Triggers it: all who wait go on, in the order in which they came. Says whether it did; one
    /// that is triggered already, or [stopped](Wakeup::stop), is left as it is.
    pub fn resume(&self) -> bool {
        let armed = self.state.get() == State::Armed;
        if armed {
            self.state.set(State::Triggered);
            self.waiting.wake_all();
        }
        armed
    }

    /// Makes it ready to be triggered (again), whether it was triggered or stopped.
    pub fn reset(&self) {
        self.state.set(State::Armed);
    }

    /// Has triggers ignored, and one that came before forgotten, until [`reset`](Wakeup::reset).
    /// Those who wait go on waiting.
    pub fn stop(&self) {
        self.state.set(State::Stopped);
    }

    /// Whether it was triggered, and neither reset nor stopped since.
    pub fn is_triggered(&self) -> bool {
        self.state.get() == State::Triggered
    }

    /// Whether it was stopped, and not reset since.
    pub fn is_stopped(&self) -> bool {
        self.state.get() == State::Stopped
    }

    /// Waits for just this one. Returns at once if it is triggered, even to a cancelled wire.
    ///
    /// # Errors
    ///
    /// The interrupt that came first. Who was woken gets `Ok`, even if an interrupt came before it
    /// ran, or a reset.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless it is triggered.
    #[track_caller]
    pub fn wait(&self) -> Result<(), Interrupt> {
        if self.is_triggered() {
            return Ok(());
        }
        self.waiting.wait(self.reason())
    }
}

impl Source for Wakeup {
    type Item = ();

    fn try_take(&self) -> Option<()> {
        self.is_triggered().then_some(())
    }

    fn queue(&self) -> &WaitQueue {
        &self.waiting
    }

    fn reason(&self) -> Reason {
        Reason::on(&WAKEUP, self)
    }
}

impl Default for Wakeup {
    fn default() -> Wakeup {
        Wakeup::new()
    }
}

impl fmt::Debug for Wakeup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakeup")
            .field("state", &self.state.get())
            .field("awaited", &!self.waiting.is_empty())
            .finish()
    }
}
