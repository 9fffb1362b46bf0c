//! Waiting until a number of things are done.

use core::cell::Cell;
use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue};
use wire_wait::Source;

static WAIT_GROUP: Kind = Kind::new("wait group");

/// Counts what is under way, so that others can wait until nothing is: like Go's, with a guard.
///
/// ```
/// use wire_lock::WaitGroup;
/// # use std::ptr::NonNull;
/// # use wire_core::{Stack, Wire, run, scope, yield_now};
/// # fn stack() -> Stack<'static> {
/// #     #[repr(align(16))]
/// #     struct Memory([u8; 64 * 1024]);
/// #     let memory = Box::leak(Box::new(Memory([0; 64 * 1024])));
/// #     // SAFETY: leaked, aligned, used by nothing else, and ample for what runs here.
/// #     unsafe { Stack::from_raw(NonNull::from(&mut memory.0).cast(), 64 * 1024) }
/// # }
/// let (requests, wires) = (WaitGroup::new(), [Wire::new(), Wire::new()]);
/// run(|| scope(|s| {
///     for wire in &wires {
///         let pass = requests.enter();
///         s.spawn(wire, stack(), "request", move || {
///             yield_now();
///             drop(pass);
///         }).unwrap().detach();
///     }
///     assert_eq!(requests.count(), 2);
///     requests.wait().unwrap();
///     assert_eq!(requests.count(), 0);
/// }));
/// ```
///
/// A pass belongs to one OS thread, like the group:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(wire_lock::WaitGroup::new().enter());
/// ```
pub struct WaitGroup {
    count: Cell<usize>,
    waiting: WaitQueue,
}

impl WaitGroup {
    /// A group of nothing.
    pub const fn new() -> WaitGroup {
        WaitGroup {
            count: Cell::new(0),
            waiting: WaitQueue::new(),
        }
    }

    /// Adds one thing, which is done when the pass is dropped.
    ///
    /// # Panics
    ///
    /// As for [`add`](WaitGroup::add).
    pub fn enter(&self) -> Pass<'_> {
        self.add(1);
        Pass { group: self }
    }

    /// Adds things without passes.
    ///
    /// # Panics
    ///
    /// With more than `usize::MAX` things.
    pub fn add(&self, things: usize) {
        let count = self.count.get().checked_add(things);
        self.count.set(count.expect("too many things"));
    }

    /// Says that a thing is done.
    ///
    /// # Panics
    ///
    /// If all are done already.
    #[track_caller]
    pub fn done(&self) {
        let left = self.count.get().checked_sub(1);
        let left = left.expect("more things are done than were added");
        self.count.set(left);
        if left == 0 {
            self.waiting.wake_all();
        }
    }

    /// How many things are under way.
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// Waits until nothing is under way. So it is when this returns: if something is added after
    /// the last was done and before this wire runs, that is waited for too.
    ///
    /// # Errors
    ///
    /// The interrupt that came first.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless nothing is under way.
    #[track_caller]
    pub fn wait(&self) -> Result<(), Interrupt> {
        while self.count.get() > 0 {
            self.waiting.wait(self.reason())?;
        }
        Ok(())
    }
}

/// Waiting for the moment when nothing is under way as one of several things.
impl Source for WaitGroup {
    type Item = ();

    fn try_take(&self) -> Option<()> {
        (self.count.get() == 0).then_some(())
    }

    fn queue(&self) -> &WaitQueue {
        &self.waiting
    }

    fn reason(&self) -> Reason {
        Reason::on(&WAIT_GROUP, self)
    }
}

impl Default for WaitGroup {
    fn default() -> WaitGroup {
        WaitGroup::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup")
            .field("count", &self.count.get())
            .field("awaited", &!self.waiting.is_empty())
            .finish()
    }
}

/// One thing of a [`WaitGroup`], done when this is dropped. Forgotten, it is never done.
#[derive(Debug)]
#[must_use = "dropping the pass says that the thing is done"]
pub struct Pass<'a> {
    group: &'a WaitGroup,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.group.done();
    }
}
