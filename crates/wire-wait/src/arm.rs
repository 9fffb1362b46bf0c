//! One of several things that a wire waits for: a source, a link in the source's queue, and what
//! to make of the item.
//!
//! ```text
//!  frame of the waiting wire                                     elsewhere
//!  ┌───────────────────────────────────────────────────┐
//!  │ wait_any:  Group { winner, busy, waiter, arms }   │
//!  │               ▲                          │        │
//!  │      ┌────────┴───────┐        ┌─────────┘        │
//!  │  ┌───┴──────────┐ ┌───┴──────────┐                │
//!  │  │ On: group    │ │ On: group    │                │
//!  │  │     item     │ │     item     │                │
//!  │  │     node ◄───┼─┼──────────────┼────────────────┼──► the queue of source 1
//!  │  └──────────────┘ │     node ◄───┼────────────────┼──► the queue of source 2
//!  │                   └──────────────┘                │
//!  └───────────────────────────────────────────────────┘
//! ```
//!
//! A source that becomes ready wakes the oldest node of its queue. If that is an arm, [`woken`]
//! runs, in the wire that made the source ready: it takes the item into the arm, names the arm the
//! winner, unlinks the other arms, and makes the waiting wire runnable.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::mem;
use core::pin::Pin;
use core::ptr::{self, NonNull};

use wire_core::outside::{self, without_wire};
use wire_core::{Node, OnWake, Reason, WaitQueue, Wire};

use crate::source::Source;

const NOBODY: usize = usize::MAX;

/// What every arm begins with, so that a wait can do most of what it does with its arms by itself.
#[repr(C)]
pub(crate) struct Head {
    /// First, so that its address is the arm's.
    node: Node,
    /// The group the arm belongs to, of a lifetime that no type here can name; or null.
    group: Cell<*const ()>,
    index: Cell<usize>,
    /// The queue of its source, when that was asked last and had nothing.
    queue: Cell<*const WaitQueue>,
}

/// The arms of one wait.
pub(crate) struct Group<'g, T> {
    pub(crate) arms: &'g [&'g dyn Arm<T>],
    /// The index of the arm that has taken an item.
    winner: Cell<usize>,
    /// A source is being asked, perhaps by foreign code; another arm that is woken meanwhile must
    /// not decide the wait as well.
    busy: Cell<bool>,
    /// The wire that waits, while arms are linked.
    waiter: Cell<*const Wire>,
}

impl<'g, T> Group<'g, T> {
    #[inline(always)]
    pub(crate) fn new(arms: &'g [&'g dyn Arm<T>]) -> Self {
        Group {
            arms,
            winner: Cell::new(NOBODY),
            busy: Cell::new(false),
            waiter: Cell::new(ptr::null()),
        }
    }

    #[inline(always)]
    fn heads(&self) -> impl Iterator<Item = &'g Head> {
        self.arms.iter().map(|&arm| head(arm))
    }

    #[inline(always)]
    pub(crate) fn winner(&self) -> Option<usize> {
        Some(self.winner.get()).filter(|&winner| winner != NOBODY)
    }

    /// Names the wire that `woken` makes runnable.
    #[inline(always)]
    pub(crate) fn set_waiter(&self) {
        self.waiter.set(outside::current());
    }

    /// Asks all sources in their order, beginning with one of them, until one has something.
    #[inline(always)]
    pub(crate) fn ask(&self, first: usize) -> Option<usize> {
        self.busy.set(true);
        let (before, after) = self.arms.split_at(first);
        let winner = match after.iter().position(|arm| arm.take()) {
            Some(index) => Some(first + index),
            None => before.iter().position(|arm| arm.take()),
        };
        self.busy.set(false);
        self.winner.set(winner.unwrap_or(NOBODY));
        winner
    }

    /// [`ask`](Group::ask) with arms linked: if there is a winner, no longer.
    #[cold]
    pub(crate) fn ask_again(&self) -> Option<usize> {
        let winner = self.ask(0)?;
        self.unlink();
        Some(winner)
    }

    /// Puts all arms that are in no queue into those of their sources, who were just asked.
    #[inline(always)]
    pub(crate) fn link(&self) {
        for head in self.heads() {
            if !head.node.is_linked() {
                // SAFETY: the arm is part of a group, whose `Joined` borrows it: it stays where it is, and that
                // unlinks the node before the borrow ends. The queue is the source's, borrowed for longer.
                unsafe { (*head.queue.get()).push(Pin::new_unchecked(&head.node)) };
            }
        }
    }

    #[inline(always)]
    fn unlink(&self) {
        for head in self.heads() {
            head.node.unlink();
        }
    }

    fn address(&self) -> *const () {
        ptr::from_ref(self).cast()
    }
}

/// The head of an arm, which needs no call.
#[inline(always)]
fn head<'a, T>(arm: &'a (dyn Arm<T> + 'a)) -> &'a Head {
    // SAFETY: arms begin with their heads (`Steps`).
    unsafe { &*ptr::from_ref(arm).cast::<Head>() }
}

/// The arms of a group belong to it: until this is dropped, and to no other.
pub(crate) struct Joined<'g, T>(&'g Group<'g, T>);

impl<'g, T> Joined<'g, T> {
    #[inline(always)]
    #[track_caller]
    pub(crate) fn new(group: &'g Group<'g, T>) -> Self {
        // First, so that it also takes out those that did join if another cannot.
        let joined = Joined(group);
        for (index, head) in group.heads().enumerate() {
            if !head.group.get().is_null() {
                refuse();
            }
            head.group.set(group.address());
            head.index.set(index);
        }
        joined
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse() -> ! {
    panic!("an arm can be in one wait at a time, and only once")
}

impl<T> Joined<'_, T> {
    /// Ends it where no arm is linked: none ever was, or an arm has won, and the others were unlinked with that.
    #[inline(always)]
    pub(crate) fn leave_unlinked(self) {
        for head in self.0.heads() {
            debug_assert!(!head.node.is_linked());
            head.group.set(ptr::null());
        }
        mem::forget(self);
    }
}

impl<T> Drop for Joined<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        for head in self.0.heads() {
            if ptr::eq(head.group.get(), self.0.address()) {
                head.node.unlink();
                head.group.set(ptr::null());
            }
        }
    }
}

pub(crate) mod steps {
    use super::Reason;

    /// What a wait does with its arms.
    ///
    /// # Safety
    ///
    /// The arm is `repr(C)` and its first field is a [`Head`](super::Head), and nothing but this crate changes that. If
    /// `take` says no, the head's queue is that of the source, good for as long as the arm is borrowed.
    pub unsafe trait Steps<T> {
        /// Takes an item into the arm, if the source has one; otherwise sets the head's queue.
        fn take(&self) -> bool;
        /// What the arm's function makes of the item taken.
        fn finish(&self) -> T;
        /// What reports say if this is the only arm.
        fn reason(&self) -> Reason;
    }
}
use steps::Steps;

/// One of several things to wait for, which comes to a `T`: made by [`on`], and by nothing else.
pub trait Arm<T>: Steps<T> {}

/// The [`Arm`] that waits for a source; see [`on`].
#[repr(C)]
pub struct On<'a, S: Source + ?Sized, F, T> {
    head: Head,
    source: &'a S,
    item: Cell<Option<S::Item>>,
    /// Taken out while it runs.
    function: Cell<Option<F>>,
    result: PhantomData<fn() -> T>,
}

/// An arm of a [`wait_any`](crate::wait_any): if `source` wins, `f` makes the result of its item.
///
/// `f` runs in the wire that waited, after the wait, and may do as it likes. The arm can be used
/// again and again, in one wait at a time.
#[inline]
pub fn on<S, F, T>(source: &S, f: F) -> On<'_, S, F, T>
where
    S: Source + ?Sized,
    F: FnMut(S::Item) -> T,
{
    On {
        head: Head {
            // SAFETY: whenever the node is linked, so by `Group::link`, it is the first field of an `On` of
            // these types that stays where it is; `woken` does not block.
            node: unsafe { Node::calling(const { &OnWake::call(woken::<S, F, T>) }) },
            group: Cell::new(ptr::null()),
            index: Cell::new(0),
            queue: Cell::new(ptr::null()),
        },
        source,
        item: Cell::new(None),
        function: Cell::new(Some(f)),
        result: PhantomData,
    }
}

impl<S, F, T> Arm<T> for On<'_, S, F, T>
where
    S: Source + ?Sized,
    F: FnMut(S::Item) -> T,
{
}

// SAFETY: the head is first. `take` sets its queue to that of the source, whose borrow the arm holds.
unsafe impl<S, F, T> Steps<T> for On<'_, S, F, T>
where
    S: Source + ?Sized,
    F: FnMut(S::Item) -> T,
{
    #[inline]
    fn take(&self) -> bool {
        let ask = || {
            let item = self.source.try_take();
            if item.is_none() {
                self.head.queue.set(self.source.queue());
            }
            item
        };
        let item = match self.source.never_waits() {
            Some(_) => ask(),
            None => without_wire(ask),
        };
        let taken = item.is_some();
        if taken {
            self.item.set(item);
        }
        taken
    }

    #[inline]
    fn finish(&self) -> T {
        let item = self.item.take().expect("an arm that won has its item");
        let mut function = self
            .function
            .take()
            .expect("the function of this arm panicked, or is running");
        let result = function(item);
        self.function.set(Some(function));
        result
    }

    fn reason(&self) -> Reason {
        self.source.reason()
    }
}

/// Ends the time in which the group is busy, and has its wire look what came of it: also if a
/// source panics, since the arm is in no queue any more.
struct Asking<'g, T>(&'g Group<'g, T>);

impl<T> Drop for Asking<'_, T> {
    fn drop(&mut self) {
        self.0.busy.set(false);
        // SAFETY: the waiter is set while arms are linked, and one was; the wire is in `wait_any`.
        outside::unblock(unsafe { &*self.0.waiter.get() });
    }
}

/// Decides the wait of the arm that `node` is of, if its source has something. Otherwise its wire
/// goes on to find that out.
///
/// # Safety
///
/// The node is that of such an arm, was linked until now, and is no longer.
unsafe fn woken<S, F, T>(node: NonNull<Node>)
where
    S: Source + ?Sized,
    F: FnMut(S::Item) -> T,
{
    // SAFETY: by contract; the head is the first field, and the node its. The arm was linked, so it is in a group,
    // whose `wait_any` borrows it and does not go on before somebody has run that wire.
    let (arm, group) = unsafe {
        let arm = node.cast::<On<'_, S, F, T>>().as_ref();
        (arm, &*arm.head.group.get().cast::<Group<'_, T>>())
    };
    if group.busy.get() || group.winner().is_some() {
        // Whoever is busy with it makes the wire go on, and that one links this arm again.
        return;
    }
    group.busy.set(true);
    let asking = Asking(group);
    if arm.take() {
        group.winner.set(arm.head.index.get());
        group.unlink();
    }
    drop(asking);
}

impl<S: Source + ?Sized, F, T> fmt::Debug for On<'_, S, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("On")
            .field("node", &self.head.node)
            .finish_non_exhaustive()
    }
}
