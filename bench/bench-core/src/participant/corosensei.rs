//! corosensei, resumed from a loop over a `VecDeque`: the scheduler that one would write around it.

use std::borrow::BorrowMut;
use std::collections::VecDeque;
use std::num::NonZeroUsize;

use bench_harness::{Plan, stamp};
use corosensei::stack::{DefaultStack, Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, ScopedCoroutine};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use super::{Work, job};

pub(super) const CONFIGURATION: &str =
    "VecDeque<Coroutine>; DefaultStack of 16 KiB with its guard page";
pub(super) const ARENA_CONFIGURATION: &str = "VecDeque<Coroutine>; stacks of 16 KiB in one mapping, without \
     guards, 320 bytes apart so that they do not compete for the same sets of the cache";
pub(super) const BOXED_CONFIGURATION: &str =
    "VecDeque<Box<Coroutine>>, so that only pointers move; stacks as in the arena";

/// Ample for what runs here, and the least that anybody would take.
const SIZE: usize = 16 * 1024;
/// From one stack of the arena to the next.
const STRIDE: usize = SIZE + 320;

pub(super) fn measure(work: Work, plan: Plan) {
    let stack = || DefaultStack::new(SIZE).expect("room for a stack");
    match work {
        Work::Yield(number) => yields(
            (0..number).map(|_| stack()),
            plan,
            |coroutine| coroutine,
            |_| (),
        ),
        Work::Create => create(stack(), plan),
        Work::Switch => unreachable!("it abstains"),
    }
}

pub(super) fn measure_in_arena(work: Work, plan: Plan) {
    match work {
        Work::Yield(number) => yields(arena(number), plan, |coroutine| coroutine, |_| ()),
        Work::Create => create(arena(1).next().expect("one was asked for"), plan),
        Work::Switch => unreachable!("it abstains"),
    }
}

pub(super) fn measure_boxed(work: Work, plan: Plan) {
    match work {
        Work::Yield(number) => yields(arena(number), plan, Box::new, |_| ()),
        Work::Create | Work::Switch => unreachable!("it abstains"),
    }
}

/// A stack of an arena, which stays mapped.
pub(super) struct Slot(StackPointer);

// SAFETY: mapped for good, used by this slot alone, with ends that are aligned enough. It has no
// guard: what runs on it here takes a fraction of it.
unsafe impl Stack for Slot {
    #[inline]
    fn base(&self) -> StackPointer {
        self.0
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        StackPointer::new(self.0.get() - SIZE).expect("mappings do not begin at 0")
    }
}

pub(super) fn arena(stacks: usize) -> impl Iterator<Item = Slot> {
    let bytes = NonZeroUsize::new(stacks * STRIDE).expect("at least one");
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let low = unsafe { mmap_anonymous(None, bytes, access, flags) }.expect("room for the arena");
    (1..=stacks).map(move |number| Slot(low.addr().saturating_add(number * STRIDE)))
}

type Task<S> = Coroutine<(), (), (), S>;

/// `held` makes what the queue holds of a coroutine.
pub(super) fn yields<S: Stack + 'static, H: BorrowMut<Task<S>>>(
    stacks: impl Iterator<Item = S>,
    each: Plan,
    held: impl Fn(Task<S>) -> H,
    note: impl Fn(usize) + Copy + 'static,
) {
    let coroutine = |(number, stack)| {
        held(Task::with_stack(stack, move |yielder, ()| {
            let yields = |times| {
                for _ in 0..times {
                    note(number);
                    yielder.suspend(());
                }
            };
            yields(each.warm_up);
            if number == 0 {
                stamp::begin();
            }
            yields(each.operations);
            if number == 0 {
                stamp::end();
            }
        }))
    };
    let mut ready: VecDeque<_> = stacks.enumerate().map(coroutine).collect();
    while let Some(mut coroutine) = ready.pop_front() {
        match coroutine.borrow_mut().resume(()) {
            CoroutineResult::Yield(()) => ready.push_back(coroutine),
            CoroutineResult::Return(()) => {}
        }
    }
}

/// As its own benchmark "Coroutine call" does it.
fn create(mut stack: impl Stack, plan: Plan) {
    let mut start = |number: u64| {
        let coroutine = ScopedCoroutine::<(), (), (), _>::with_stack(&mut stack, move |_, ()| {
            job::run(number);
        });
        coroutine.scope(|mut coroutine| coroutine.resume(()));
    };
    (0..plan.warm_up).for_each(&mut start);
    stamp::begin();
    (0..plan.operations).for_each(&mut start);
    stamp::end();
}
