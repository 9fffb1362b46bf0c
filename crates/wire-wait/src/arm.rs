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
use core::mem::{self, ManuallyDrop};
use core::pin::Pin;
use core::ptr::{self, NonNull};

use wire_core::outside::{self, without_wire, without_wire_or_panic};
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
    /// The queue of its source, as it was before that was asked last.
    queue: Cell<*const WaitQueue>,
}

/// In which order sources are asked.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    AsNamed,
    /// By this lot.
    Drawn(u32),
}

/// The arms of one wait.
pub(crate) struct Group<'g, T> {
    pub(crate) arms: &'g [&'g dyn Arm<T>],
    /// The index of the arm that has taken an item.
    winner: Cell<usize>,
    /// A source is being asked, perhaps by foreign code; another arm that is woken meanwhile must
    /// not decide the wait as well.
    busy: Cell<bool>,
    /// An arm was woken while the group was busy.
    missed: Cell<bool>,
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
            missed: Cell::new(false),
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

    /// Names the wire that `woken` makes runnable; says whether there is one.
    #[inline(always)]
    pub(crate) fn set_waiter(&self) -> bool {
        let wire = outside::current();
        self.waiter.set(wire);
        !wire.is_null()
    }

    /// Foreign code, which might wait: so before the sources are asked, not between that and linking.
    #[inline(always)]
    fn find_queues(&self) {
        for arm in self.arms {
            arm.find_queue();
        }
    }

    /// Asks all sources in this order, until one has something.
    #[inline(always)]
    pub(crate) fn ask(&self, order: Order) -> Option<usize> {
        // It stays so if a source panics: nothing is to be taken for a wire that unwinds.
        self.busy.set(true);
        let winner = without_wire(|| {
            loop {
                self.missed.set(false);
                let winner = self.first(order);
                if winner.is_some() || !self.missed.get() {
                    break winner;
                }
            }
        });
        self.busy.set(false);
        self.winner.set(winner.unwrap_or(NOBODY));
        winner
    }

    #[inline(always)]
    fn first(&self, order: Order) -> Option<usize> {
        let count = self.arms.len();
        match order {
            Order::AsNamed => self.arms.iter().position(|arm| arm.take()),
            Order::Drawn(lot) => {
                // A walk over the next power of two by an odd step: of any two arms, each is as often before the other, since
                // a step and its negative are drawn alike.
                let (step, start) = (lot as usize | 1, (lot >> 16) as usize);
                let last = count.next_power_of_two() - 1;
                (0..=last)
                    .map(|turn| step.wrapping_mul(turn).wrapping_add(start) & last)
                    .find(|&index| index < count && self.arms[index].take())
            }
        }
    }

    /// [`ask`](Group::ask) with arms linked: if there is a winner, no longer.
    #[cold]
    pub(crate) fn ask_again(&self) -> Option<usize> {
        // A source may have another queue now.
        self.find_queues();
        let winner = self.ask(Order::AsNamed)?;
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
        group.find_queues();
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
    /// The arm is `repr(C)` and its first field is a [`Head`](super::Head), and nothing but this crate changes that. Once
    /// `find_queue` was called, the head's queue is that of the source, good for as long as the arm is borrowed.
    pub unsafe trait Steps<T> {
        /// Sets the head's queue.
        fn find_queue(&self);
        /// Takes an item into the arm, if the source has one.
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

// SAFETY: the head is first. `find_queue` sets its queue to that of the source, whose borrow the arm holds.
unsafe impl<S, F, T> Steps<T> for On<'_, S, F, T>
where
    S: Source + ?Sized,
    F: FnMut(S::Item) -> T,
{
    #[inline]
    fn find_queue(&self) {
        self.head.queue.set(self.source.queue());
    }

    #[inline]
    fn take(&self) -> bool {
        let item = self.source.try_take();
        let taken = item.is_some();
        if taken {
            self.item.set(item);
        }
        taken
    }

    #[inline]
    fn finish(&self) -> T {
        let item = self.item.take().expect("an arm that won has its item");
        let function = self.function.take();
        let mut running = Running(
            &self.function,
            ManuallyDrop::new(function.expect("the function of this arm is running")),
        );
        (running.1)(item)
    }

    fn reason(&self) -> Reason {
        self.source.reason()
    }
}

/// The function of an arm while it runs; back in its place when this is dropped, also by a panic.
struct Running<'a, F>(&'a Cell<Option<F>>, ManuallyDrop<F>);

impl<F> Drop for Running<'_, F> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: taken once, and not used afterwards.
        self.0.set(Some(unsafe { ManuallyDrop::take(&mut self.1) }));
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
        // Whoever is busy with it makes the wire go on, or is that wire: it asks and links this arm again.
        group.missed.set(true);
        return;
    }
    group.busy.set(true);
    let waiter = group.waiter.get();
    // If the source panics, the wire that waits asks again itself.
    if without_wire_or_panic(waiter, || arm.take()) == Some(true) {
        group.winner.set(arm.head.index.get());
        group.unlink();
    }
    group.busy.set(false);
    // SAFETY: the waiter is set while arms are linked, and this one was; the wire is in `wait_any`.
    outside::unblock(unsafe { &*waiter });
}

impl<S: Source + ?Sized, F, T> fmt::Debug for On<'_, S, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("On")
            .field("node", &self.head.node)
            .finish_non_exhaustive()
    }
}
