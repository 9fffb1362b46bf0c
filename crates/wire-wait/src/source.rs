//! What can be waited for, as one crate offers it and another waits for it.

use wire_core::{JoinHandle, Kind, Reason, WaitQueue};

static SOURCE: Kind = Kind::new("source");

/// Something that a wire can wait for, alone or as one of several.
///
/// Implementing it takes a [`WaitQueue`] and no `unsafe`; who waits is linked there by
/// [`wait_any`](crate::wait_any). The rules for it:
///
/// 1. Whoever makes the source ready wakes its queue afterwards: by [`WaitQueue::wake_all`] if what
///    it has is for everybody, and otherwise by [`WaitQueue::wake_one`] for as long as there is
///    something left. Being woken *is* taking: what is woken calls [`try_take`](Source::try_take)
///    before `wake_one` returns.
/// 2. So `try_take` may run in any wire of the thread, in the middle of whatever made the source
///    ready. It does nothing but take: if it says `None`, nothing has changed. If it tries to wait, that panics, since no
///    wire is current meanwhile. If it panics, the one who made the source ready goes on, and the wire that waits tries again
///    itself. Whom it takes for, [`outside::taker`](wire_core::outside::taker) says.
/// 3. `queue` and `reason` are asked by the wire that waits, before it looks and links.
///
/// A source that keeps to the first rule is never ready while somebody waits for it, hence fair.
///
/// ```
/// use std::cell::Cell;
/// use wire_core::WaitQueue;
/// use wire_wait::Source;
///
/// /// Tickets, first come, first served.
/// #[derive(Default)]
/// struct Tickets { left: Cell<u32>, waiting: WaitQueue }
///
/// impl Tickets {
///     fn add(&self, count: u32) {
///         self.left.set(self.left.get() + count);
///         while self.left.get() > 0 && self.waiting.wake_one() {}
///     }
/// }
///
/// impl Source for Tickets {
///     type Item = u32;
///     fn try_take(&self) -> Option<u32> {
///         let number = self.left.get();
///         self.left.set(number.checked_sub(1)?);
///         Some(number)
///     }
///     fn queue(&self) -> &WaitQueue {
///         &self.waiting
///     }
/// }
///
/// let tickets = Tickets::default();
/// tickets.add(2);
/// assert_eq!(wire_core::run(|| wire_wait::wait(&tickets)), Ok(2));
/// ```
pub trait Source {
    /// What one gets who waited.
    type Item;

    /// Takes what the source has, if it has something. Does not wait.
    fn try_take(&self) -> Option<Self::Item>;

    /// Where those stand who wait for the source.
    fn queue(&self) -> &WaitQueue;

    /// What reports say of a wire that waits for this source alone.
    fn reason(&self) -> Reason {
        Reason::on(&SOURCE, core::ptr::from_ref(self).cast::<()>())
    }
}

/// Waiting for the end of a wire as one of several things. Its result is [joined](JoinHandle::join) for afterwards,
/// without waiting.
impl<T> Source for JoinHandle<'_, T> {
    type Item = ();

    fn try_take(&self) -> Option<()> {
        self.is_finished().then_some(())
    }

    fn queue(&self) -> &WaitQueue {
        self.joiners()
    }

    fn reason(&self) -> Reason {
        self.join_reason()
    }
}
