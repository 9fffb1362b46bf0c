//! Waiting until so many have come.

use core::cell::Cell;
use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue};

static BARRIER: Kind = Kind::new("barrier");

/// Lets wires go on together: each waits until as many have come as the barrier is for. Then it can be
/// used again.
///
/// It is not one of several things to wait for: coming is something one does, and who went on with another thing would
/// have to be taken back.
///
/// ```
/// use wire_lock::Barrier;
///
/// let alone = Barrier::new(1);
/// assert!(alone.wait().unwrap().is_leader());
/// ```
pub struct Barrier {
    size: usize,
    here: Cell<usize>,
    /// How many times it has opened.
    rounds: Cell<u64>,
    waiting: WaitQueue,
}

impl Barrier {
    /// A barrier for so many wires. One for none is one for a single wire: it keeps nobody.
    pub const fn new(wires: usize) -> Barrier {
        Barrier {
            size: wires,
            here: Cell::new(0),
            rounds: Cell::new(0),
            waiting: WaitQueue::new(),
        }
    }

    /// Waits until all have come. The last one does not wait; the others go on after it, in the order in
    /// which they came.
    ///
    /// # Errors
    ///
    /// The interrupt that came first. That wire then counts as not having come. Who was let through has been,
    /// even if an interrupt came before it ran.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless it is the last to come.
    #[track_caller]
    pub fn wait(&self) -> Result<BarrierWaitResult, Interrupt> {
        let here = self.here.get() + 1;
        if here >= self.size {
            self.here.set(0);
            self.rounds.set(self.rounds.get() + 1);
            self.waiting.wake_all();
            return Ok(BarrierWaitResult { leader: true });
        }
        /// Takes this wire back unless it was let through, also if waiting panics, as it does outside `run()`.
        struct Here<'a>(&'a Barrier, u64);
        impl Drop for Here<'_> {
            fn drop(&mut self) {
                if self.0.rounds.get() == self.1 {
                    self.0.here.set(self.0.here.get() - 1);
                }
            }
        }
        self.here.set(here);
        let _me = Here(self, self.rounds.get());
        self.waiting.wait(Reason::on(&BARRIER, self))?;
        Ok(BarrierWaitResult { leader: false })
    }

    /// How many wait at present.
    pub fn waiting(&self) -> usize {
        self.here.get()
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .field("waiting", &self.here.get())
            .finish()
    }
}

/// What [`Barrier::wait`] tells one wire of each round apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    leader: bool,
}

impl BarrierWaitResult {
    /// Whether it was this wire that came last.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leader
    }
}
