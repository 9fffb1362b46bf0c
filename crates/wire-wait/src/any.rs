//! Waiting for the first of several arms.

use wire_core::{Interrupt, Kind, Reason, block, block_until, outside};

use crate::arm::{Arm, Group, Joined, Order, on};
use crate::source::Source;

static ANY: Kind = Kind::new("first of several");

/// Waits for the first of `arms` and gives what its function made of the item.
///
/// Of several that are ready at the start, the first in the slice wins, and the wire does not wait
/// at all; so an arm that is always ready starves those behind it, where [`wait_fair`] draws lots. Who waits
/// is served in its turn by each source. An arm that did not win has taken nothing. With no arms at all this
/// waits until it is interrupted.
///
/// # Errors
///
/// The interrupt that came first. An item that was taken is returned, even if an interrupt came
/// before the wire ran. Nothing is waited for that is there already, so that also a cancelled wire
/// gets it.
///
/// # Panics
///
/// Outside `run()`, unless an arm is ready; if an arm is there twice, or is part of a wait under way
/// in another wire; when the function of the winning arm does.
#[inline]
#[track_caller]
pub fn wait_any<T>(arms: &[&dyn Arm<T>]) -> Result<T, Interrupt> {
    wait_in(arms, Order::AsNamed)
}

/// [`wait_any`] that prefers no arm: of several that are ready at the start, each may win, by a draw as in Go's
/// `select`. The draw is the same in each run of a program.
///
/// ```
/// use wire_wait::{Wakeup, on, wait_fair};
///
/// let (left, right) = (Wakeup::new(), Wakeup::new());
/// left.resume();
/// right.resume();
/// let mut wins = [0, 0];
/// wire_core::run(|| {
///     for _ in 0..1000 {
///         wins[wait_fair(&[&on(&left, |()| 0), &on(&right, |()| 1)]).unwrap()] += 1;
///     }
/// });
/// assert!(wins[0] > 400 && wins[1] > 400);
/// ```
///
/// # Errors
///
/// As for [`wait_any`].
///
/// # Panics
///
/// As for [`wait_any`].
#[inline]
#[track_caller]
pub fn wait_fair<T>(arms: &[&dyn Arm<T>]) -> Result<T, Interrupt> {
    wait_in(arms, Order::Drawn(outside::draw()))
}

/// In line, like `block`: a call that is entered on one stack and left on another has its return predicted wrongly.
#[inline(always)]
#[track_caller]
fn wait_in<T>(arms: &[&dyn Arm<T>], order: Order) -> Result<T, Interrupt> {
    let group = Group::new(arms);
    let joined = Joined::new(&group);
    // Foreign code, so before the look: it might wait.
    let reason = match arms {
        [arm] => arm.reason(),
        _ => Reason::new(&ANY),
    };
    let winner = match group.ask(order) {
        Some(winner) => winner,
        None => wait_for(&group, reason)?,
    };
    joined.leave_unlinked();
    Ok(arms[winner].finish())
}

#[inline(always)]
#[track_caller]
fn wait_for<T>(group: &Group<'_, T>, reason: Reason) -> Result<usize, Interrupt> {
    if !group.set_waiter() {
        // With nothing linked: blocking outside of wires panics, and then a panic hook runs.
        block(reason)?;
    }
    loop {
        group.link();
        // SAFETY: whoever sets the winner unblocks the wire after it.
        let result = unsafe { block_until(reason, || group.winner().is_some()) };
        if let Some(winner) = group.winner() {
            return Ok(winner);
        }
        result?;
        // A source was woken that then had nothing.
        if let Some(winner) = group.ask_again() {
            return Ok(winner);
        }
    }
}

/// [`wait_any`] that does not wait: `None` if no arm is ready. The `default` of Go's `select`.
///
/// # Panics
///
/// If an arm is there twice, or is part of a wait under way; when the function of the winning arm
/// does.
#[track_caller]
pub fn try_any<T>(arms: &[&dyn Arm<T>]) -> Option<T> {
    try_in(arms, Order::AsNamed)
}

/// [`try_any`] that prefers no arm; see [`wait_fair`].
///
/// # Panics
///
/// As for [`try_any`].
#[track_caller]
pub fn try_fair<T>(arms: &[&dyn Arm<T>]) -> Option<T> {
    try_in(arms, Order::Drawn(outside::draw()))
}

#[track_caller]
fn try_in<T>(arms: &[&dyn Arm<T>], order: Order) -> Option<T> {
    let group = Group::new(arms);
    let joined = Joined::new(&group);
    let winner = group.ask(order)?;
    drop(joined);
    Some(arms[winner].finish())
}

/// Waits for one source.
///
/// # Errors
///
/// As for [`wait_any`].
///
/// # Panics
///
/// Outside `run()`, unless the source is ready.
#[track_caller]
pub fn wait<S: Source + ?Sized>(source: &S) -> Result<S::Item, Interrupt> {
    wait_any(&[&on(source, |item| item)])
}

/// Which of two came first, with what it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Either<A, B> {
    /// The first one given.
    First(A),
    /// The second one given.
    Second(B),
}

/// Waits for the first of two sources; if both are ready, `first` wins.
///
/// # Errors
///
/// As for [`wait_any`].
///
/// # Panics
///
/// Outside `run()`, unless one of them is ready.
#[track_caller]
pub fn wait_two<A, B>(first: &A, second: &B) -> Result<Either<A::Item, B::Item>, Interrupt>
where
    A: Source + ?Sized,
    B: Source + ?Sized,
{
    wait_any(&[&on(first, Either::First), &on(second, Either::Second)])
}
