//! The one queue of waiting wires: FIFO, intrusive, each node in the waiting wire's own frame.
//!
//! ```text
//!   WaitQueue (in a channel, lock, pool, control block …)
//!     │ front                                     │ back: the `next` of the last, or null
//!     ▼ oldest                             newest ▼
//!   ┌──────┐ next ┌──────┐ next     next ┌──────┐        each in the frame of the wire that waits, which
//!   │ Node │ ───► │ Node │ ───►  …  ───► │ Node │ ───► ∅  cannot go away before `wait` returned or unwound
//!   └──────┘      └──────┘               └──────┘
//!     `before`: the `front` or `next` that leads here
//! ```
//!
//! Waking takes the node off first: *unlinked* means *woken*, also when the waiting wire is
//! cancelled before it runs again, so nothing that was handed over gets lost. A node that was not
//! woken unlinks itself when its wait ends, however it ends.
//!
//! The links are made here rather than by `intrusive-collections`, because handing over is what they are for: a
//! node points back to the pointer that leads to it, so it is taken off the same way wherever it stands. An empty queue
//! has nothing that points to it, and can be moved.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomPinned;
use core::pin::{Pin, pin};
use core::ptr::{self, NonNull};

use crate::block::{Interrupt, block, unblock};
use crate::reason::Reason;
use crate::scheduler::scheduler;
use crate::wire::Wire;

type Link = Cell<*const Node>;

/// What waking a node does, and whose node it is: one `static` for each kind of node.
///
/// Two statics never share an address, as functions may. So the owner of a queue can tell nodes that only it
/// makes from all others ([`WaitQueue::pop_if`]), and hand over to those without calling anything.
#[derive(Debug)]
pub struct OnWake {
    call: Option<unsafe fn(NonNull<Node>)>,
    /// Of some size, for an address of its own.
    _address: u8,
}

impl OnWake {
    /// Waking makes the node's wire runnable.
    pub const fn unblock() -> OnWake {
        OnWake {
            call: None,
            _address: 0,
        }
    }

    /// Waking calls `call` with the node, after it was taken off its queue. No wire is made runnable unless the
    /// function does.
    pub const fn call(call: unsafe fn(NonNull<Node>)) -> OnWake {
        OnWake {
            call: Some(call),
            _address: 0,
        }
    }
}

static UNBLOCK: OnWake = OnWake::unblock();

/// One wait of one wire in one queue.
pub struct Node {
    /// While linked: the next newer one, or null.
    next: Link,
    /// While linked: what leads here.
    before: Cell<*const Link>,
    /// Null if not linked.
    queue: Cell<*const WaitQueue>,
    wire: *const Wire,
    on_wake: &'static OnWake,
    _pinned: PhantomPinned,
}

impl Node {
    /// A node of the current wire, which being woken makes it runnable.
    ///
    /// # Panics
    ///
    /// Outside `run()`: there is no wire that could wait.
    #[inline]
    #[track_caller]
    pub fn of_current_wire() -> Node {
        Node::of(scheduler().current_or_panic(), &UNBLOCK)
    }

    /// A node without a wire, that being woken does as `on_wake` says.
    ///
    /// # Safety
    ///
    /// Whenever the node is linked, the function of `on_wake` may be called with it, from any wire of the
    /// thread. It must not block, nor unwind. If the kind is also a mark, by which the owner of a queue knows its own
    /// nodes, `on_wake` is a `static` item, and nobody else makes nodes of it.
    #[inline]
    pub const unsafe fn calling(on_wake: &'static OnWake) -> Node {
        Node::of(ptr::null(), on_wake)
    }

    /// A node of the current wire that being woken does as `on_wake` says. A function takes what the wire
    /// waited for, on the spot, so that nobody can come in between; then it makes the wire go on with
    /// [`Node::unblock`].
    ///
    /// # Safety
    ///
    /// As for [`Node::calling`].
    ///
    /// # Panics
    ///
    /// Outside `run()`: before anything is linked, as a panic hook may use the queue.
    #[inline]
    #[track_caller]
    pub unsafe fn of_current_wire_calling(on_wake: &'static OnWake) -> Node {
        Node::of(scheduler().current_or_panic(), on_wake)
    }

    #[inline]
    const fn of(wire: *const Wire, on_wake: &'static OnWake) -> Node {
        Node {
            next: Cell::new(ptr::null()),
            before: Cell::new(ptr::null()),
            queue: Cell::new(ptr::null()),
            wire,
            on_wake,
            _pinned: PhantomPinned,
        }
    }

    /// Whether the node waits in a queue. A node that was linked and no longer is was woken (or
    /// unlinked itself).
    #[inline]
    pub fn is_linked(&self) -> bool {
        !self.queue.get().is_null()
    }

    /// Takes the node off its queue, if it is in one.
    #[inline]
    pub fn unlink(&self) {
        if self.is_linked() {
            // SAFETY: a linked node's queue is alive (`WaitQueue::push`), and so are its neighbours, who are linked.
            unsafe {
                let (next, before) = (self.next.get(), self.before.get());
                (*before).set(next);
                let queue = &*self.queue.get();
                match next.as_ref() {
                    Some(next) => {
                        next.before.set(before);
                        if ptr::eq(before, &queue.front) {
                            queue.first.set(next.wire);
                        }
                    }
                    None => queue.set_back(before),
                }
            }
            self.queue.set(ptr::null());
        }
    }

    /// Makes the wire behind `node` go on, or calls its function. The node must be off its queue.
    ///
    /// # Safety
    ///
    /// `node` was taken off a queue by [`WaitQueue::pop`] and no wire of this thread ran since.
    #[inline]
    pub unsafe fn wake(node: NonNull<Node>) {
        // SAFETY: the node lives until its wire runs again (contract); then so does its wire.
        unsafe {
            match node.as_ref().on_wake.call {
                None => unblock(&*node.as_ref().wire),
                Some(call) => call(node),
            }
        }
    }

    /// Makes the wire of `node` go on if it is blocked, without calling the node's function.
    ///
    /// # Safety
    ///
    /// The node is one of a wire, which has not left the frame that the node lies in.
    #[inline]
    pub unsafe fn unblock(node: NonNull<Node>) {
        // SAFETY: by contract the node is there, and a wire that has frames is not over.
        unblock(unsafe { &*node.as_ref().wire });
    }

    /// Defers cancellation and deadlines of the wire behind `node`, until [`Node::release`]: for
    /// as long as somebody else uses memory in that wire's frame.
    ///
    /// Nothing else is deferred: the wire's [`block`] may still say `Ok` before the release, if it
    /// waits for other things as well. So the frame needs a mark that the holder sets and clears,
    /// and its wire blocks again and again until it finds it cleared.
    ///
    /// # Safety
    ///
    /// As for [`Node::unblock`].
    pub unsafe fn hold(node: NonNull<Node>) {
        // SAFETY: as in `unblock`.
        crate::block::hold(unsafe { &*node.as_ref().wire });
    }

    /// Ends [`Node::hold`] and makes the wire go on.
    ///
    /// # Safety
    ///
    /// Once for every `hold`, with its node, whose frame the wire has not left.
    pub unsafe fn release(node: NonNull<Node>) {
        // SAFETY: as in `unblock`.
        unsafe {
            crate::block::release(&*node.as_ref().wire);
            Node::unblock(node);
        }
    }
}

impl Drop for Node {
    #[inline]
    fn drop(&mut self) {
        self.unlink();
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("linked", &self.is_linked())
            .finish_non_exhaustive()
    }
}

/// Wires waiting for one thing, oldest first. No memory but this; see the module's diagram.
pub struct WaitQueue {
    front: Link,
    /// Null if the queue is empty, or else the `next` of the newest.
    back: Cell<*const Link>,
    /// The wire of the oldest node, if somebody waits: who wakes it makes it runnable without having to fetch the node
    /// first. In a rendezvous that is one fetch less of those that follow from each other.
    first: Cell<*const Wire>,
}

// SAFETY: an owned queue is empty, since those waiting in it borrow it; an empty one points to nothing
// that is looked at, `first` included.
unsafe impl Send for WaitQueue {}

impl WaitQueue {
    /// An empty queue.
    pub const fn new() -> WaitQueue {
        WaitQueue {
            front: Cell::new(ptr::null()),
            back: Cell::new(ptr::null()),
            first: Cell::new(ptr::null()),
        }
    }

    /// Whether nobody waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.front.get().is_null()
    }

    #[inline]
    fn front(&self) -> Option<&Node> {
        // SAFETY: linked nodes are in place. Nothing unlinks this one while the caller looks at it.
        unsafe { self.front.get().as_ref() }
    }

    /// The newest node is gone; what led to it is where the next will go.
    #[inline]
    fn set_back(&self, before: *const Link) {
        let empty = ptr::eq(before, &self.front);
        self.back.set(if empty { ptr::null() } else { before });
    }

    /// Waits until woken by [`wake_one`](WaitQueue::wake_one) or [`wake_all`](WaitQueue::wake_all),
    /// behind all who wait already.
    ///
    /// # Errors
    ///
    /// The [`Interrupt`] that ended the wait instead; the wire is then in the queue no more. One
    /// who was woken gets `Ok`, even if an interrupt came before it ran.
    ///
    /// # Panics
    ///
    /// Outside `run()`.
    #[track_caller]
    pub fn wait(&self, reason: Reason) -> Result<(), Interrupt> {
        let node = pin!(Node::of_current_wire());
        // SAFETY: `self` is borrowed until this returns, and the node unlinks itself by then.
        unsafe { self.push(node.as_ref()) };
        self.wait_for(&node, reason)
    }

    /// Waits until `node`, which was pushed here, is woken. The node is unlinked afterwards.
    ///
    /// # Errors
    ///
    /// As for [`wait`](WaitQueue::wait).
    #[inline]
    pub fn wait_for(&self, node: &Node, reason: Reason) -> Result<(), Interrupt> {
        while node.is_linked() {
            if let Err(interrupt) = block(reason)
                && node.is_linked()
            {
                node.unlink();
                return Err(interrupt);
            }
        }
        Ok(())
    }

    /// Puts a node at the end.
    ///
    /// # Safety
    ///
    /// The node is not linked. The queue stays where it is while the node is linked: the caller
    /// borrows it for that long, or owns what owns it. And if the node is of a wire, it is unlinked
    /// before that one is over.
    #[inline]
    pub unsafe fn push(&self, node: Pin<&Node>) {
        debug_assert!(!node.is_linked());
        let node = node.get_ref();
        let back = self.back.get();
        let before = if back.is_null() {
            self.first.set(node.wire);
            &raw const self.front
        } else {
            back
        };
        node.next.set(ptr::null());
        node.before.set(before);
        node.queue.set(self);
        // SAFETY: `front`, or the `next` of a linked node, which is in place.
        unsafe { (*before).set(node) };
        self.back.set(&raw const node.next);
    }

    /// Takes the oldest node off, without waking it.
    #[inline]
    pub fn pop(&self) -> Option<NonNull<Node>> {
        let node = self.front()?;
        let next = node.next.get();
        self.front.set(next);
        // SAFETY: a linked node, which is in place.
        match unsafe { next.as_ref() } {
            Some(next) => {
                next.before.set(&raw const self.front);
                self.first.set(next.wire);
            }
            None => self.back.set(ptr::null()),
        }
        node.queue.set(ptr::null());
        Some(NonNull::from(node))
    }

    /// Takes the oldest node off, without waking it, if it is of this kind. Its wire then goes on by
    /// [`Waiter::unblock`], which takes less than [`Node::unblock`].
    #[inline]
    pub fn pop_if(&self, kind: &'static OnWake) -> Option<(NonNull<Node>, Waiter)> {
        if !self.front_is(kind) {
            return None;
        }
        let waiter = Waiter(self.first.get());
        Some((self.pop()?, waiter))
    }

    /// Whether the oldest node is of this kind.
    #[inline]
    pub fn front_is(&self, kind: &'static OnWake) -> bool {
        self.front().is_some_and(|node| ptr::eq(node.on_wake, kind))
    }

    /// The oldest node, left where it is.
    #[inline]
    pub fn peek(&self) -> Option<NonNull<Node>> {
        self.front().map(NonNull::from)
    }

    /// Wakes who has waited longest; says whether there was one.
    #[inline]
    pub fn wake_one(&self) -> bool {
        match self.pop() {
            // SAFETY: just taken off.
            Some(node) => unsafe {
                Node::wake(node);
                true
            },
            None => false,
        }
    }

    /// Wakes all who wait now, in their order; says how many.
    pub fn wake_all(&self) -> usize {
        let mut count = 0;
        while self.wake_one() {
            count += 1;
        }
        count
    }
}

/// The wire of a node that was [taken off](WaitQueue::pop_if) its queue.
#[derive(Debug)]
#[must_use = "whoever takes a node off its queue lets its wire go on"]
pub struct Waiter(*const Wire);

impl Waiter {
    /// Makes the wire go on if it is blocked.
    ///
    /// # Safety
    ///
    /// It has not left the frame that the node lies in, whose wire it is.
    #[inline]
    pub unsafe fn unblock(self) {
        // SAFETY: a wire that has frames is not over; the caller says that it has.
        unblock(unsafe { &*self.0 });
    }
}

impl Default for WaitQueue {
    fn default() -> WaitQueue {
        WaitQueue::new()
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitQueue")
            .field("empty", &self.is_empty())
            .finish()
    }
}
