//! Permits, handed out in the order of coming to those who want one or many: what semaphore and read-write lock are
//! made of.
//!
//! ```text
//!   free   front ──► Waiting            waiting ──► Waiting ⇄ arm ⇄ …
//!          who waits longest, and       those behind: in frames of wires in `take`,
//!          has all that was free        or that wait for other things too
//! ```
//!
//! Who wants more than there is takes what there is and lacks the rest. So nothing is free while somebody is in front,
//! newcomers need not look for others, and who wants much is not passed by those who want little.

use core::cell::Cell;
use core::pin::{Pin, pin};
use core::ptr::{self, NonNull};

use wire_core::{Interrupt, Node, OnWake, Reason, WaitQueue, block};

/// See the module's diagram.
pub(crate) struct Permits {
    free: Cell<usize>,
    /// The wire that waits longest, if it has had its turn and there was not enough. Or null.
    front: Cell<*const Waiting>,
    waiting: WaitQueue,
}

// SAFETY: nobody waits for permits that are owned, since those who do borrow them: `front` is null and the queue empty.
unsafe impl Send for Permits {}

impl Permits {
    pub(crate) const fn new(free: usize) -> Permits {
        Permits {
            free: Cell::new(free),
            front: Cell::new(ptr::null()),
            waiting: WaitQueue::new(),
        }
    }

    /// How many can be had at once.
    pub(crate) fn free(&self) -> usize {
        self.free.get()
    }

    pub(crate) fn is_awaited(&self) -> bool {
        !self.front.get().is_null() || !self.waiting.is_empty()
    }

    /// For arms that want one permit. Those that want more could not stay in front.
    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.waiting
    }

    #[inline]
    pub(crate) fn try_take(&self, wanted: usize) -> bool {
        let left = self.free.get().checked_sub(wanted);
        if let Some(left) = left {
            self.free.set(left);
        }
        left.is_some()
    }

    /// Waits, behind all who do so already, until this wire has the permits.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(crate) fn wait(&self, wanted: usize, reason: Reason) -> Result<(), Interrupt> {
        let waiting = pin!(Waiting {
            // SAFETY: linked by `line_up` only, as the first field of a `Waiting` that is pinned; `woken` does not
            // block.
            node: unsafe { Node::of_current_wire_calling(const { &OnWake::call(woken) }) },
            permits: self,
            wanted,
            lacking: Cell::new(wanted),
        });
        let waiting = waiting.as_ref();
        loop {
            if !waiting.is_in_line() {
                // SAFETY: the permits are borrowed for longer than this frame lasts.
                unsafe { self.line_up(waiting) };
                // It comes again because it was woken by somebody who had nothing to give, and now there is something.
                if waiting.lacking.get() == 0 {
                    return Ok(());
                }
            }
            let result = block(reason);
            if waiting.lacking.get() == 0 {
                return Ok(());
            }
            result?;
        }
    }

    /// Puts a waiting wire in front, if nobody waits, or at the end of the queue.
    ///
    /// # Safety
    ///
    /// It is a waiting wire of these permits and in no line; they stay where they are as long as it is pinned.
    unsafe fn line_up(&self, waiting: Pin<&Waiting>) {
        if self.is_awaited() {
            // SAFETY: the node is pinned because what it is in is, and unlinks itself when that goes.
            unsafe {
                let node = Pin::map_unchecked(waiting, |waiting| &waiting.node);
                self.waiting.push(node);
            }
        } else {
            self.come_to_front(waiting.get_ref());
        }
    }

    /// Gives a waiting wire what is free, and puts it in front if that is not enough. Nobody is there.
    fn come_to_front(&self, waiting: &Waiting) {
        self.give_all_to(waiting);
        if waiting.lacking.get() > 0 {
            self.front.set(waiting);
        }
    }

    /// Gives one who waits all that is free, as far as it is lacking.
    fn give_all_to(&self, waiting: &Waiting) {
        let (free, lacking) = (self.free.get(), waiting.lacking.get());
        let given = free.min(lacking);
        self.free.set(free - given);
        waiting.lacking.set(lacking - given);
    }

    /// Adds permits, which go to those who wait.
    ///
    /// # Panics
    ///
    /// With more than `usize::MAX` permits.
    #[inline]
    #[track_caller]
    pub(crate) fn add(&self, permits: usize) {
        let Some(free) = self.free.get().checked_add(permits) else {
            too_many();
        };
        self.free.set(free);
        if self.is_awaited() {
            self.hand_out();
        }
    }

    #[cold]
    #[inline(never)]
    fn hand_out(&self) {
        // SAFETY: who is in front is in `wait`, which takes it out of there before it goes on.
        if let Some(front) = unsafe { self.front.get().as_ref() } {
            self.give_all_to(front);
            if front.lacking.get() > 0 {
                return;
            }
            self.front.set(ptr::null());
            // SAFETY: as above.
            unsafe { Node::unblock(NonNull::from(&front.node)) };
        }
        while self.free.get() > 0 && self.waiting.wake_one() {}
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn too_many() -> ! {
    panic!("more than `usize::MAX` permits")
}

/// A wire that waits, in its frame.
#[repr(C)]
struct Waiting {
    /// First, so that its address is that of the whole.
    node: Node,
    permits: *const Permits,
    wanted: usize,
    /// How many of them it does not have yet.
    lacking: Cell<usize>,
}

impl Waiting {
    fn permits(&self) -> &Permits {
        // SAFETY: made in `wait`, which borrows the permits for longer.
        unsafe { &*self.permits }
    }

    fn is_in_front(&self) -> bool {
        ptr::eq(self.permits().front.get(), self)
    }

    fn is_in_line(&self) -> bool {
        self.is_in_front() || self.node.is_linked()
    }
}

impl Drop for Waiting {
    /// Who gives up in front lets those behind have what it has.
    fn drop(&mut self) {
        if self.is_in_front() {
            let permits = self.permits();
            permits.front.set(ptr::null());
            permits.add(self.wanted - self.lacking.get());
        }
    }
}

/// Gives what is free to the wire that `node` is of, and lets it go on or keeps it in front.
///
/// # Safety
///
/// The node is that of a [`Waiting`], was linked until now, and is no longer.
unsafe fn woken(node: NonNull<Node>) {
    // SAFETY: by contract; the node is the first field, and its wire is in `wait`.
    let waiting = unsafe { node.cast::<Waiting>().as_ref() };
    let permits = waiting.permits();
    if permits.front.get().is_null() {
        permits.come_to_front(waiting);
    }
    // Unless it is in front now, it has what it wanted; or another one is, and it was woken by somebody who had nothing
    // to give. Then it lines up again.
    if !waiting.is_in_front() {
        // SAFETY: as above.
        unsafe { Node::unblock(node) };
    }
}
