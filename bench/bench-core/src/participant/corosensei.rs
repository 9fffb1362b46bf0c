//! corosensei, resumed from a loop over a `VecDeque`: the scheduler that one would write around it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};

use super::{WARM_UP, each};
use crate::rows::Row;
use crate::stamp;

/// Enough for what runs here, and the more of its stacks share a page of tables the faster it is.
const STACK: usize = 16 * 1024;

pub(super) fn measure(row: Row, operations: u64) -> f64 {
    match row {
        Row::Yield(number) => yields(number, operations),
        Row::Create => create(operations),
        Row::Switch => unreachable!("it has no scheduler"),
    }
}

fn stack() -> DefaultStack {
    DefaultStack::new(STACK).expect("room for a stack")
}

fn yields(coroutines: usize, operations: u64) -> f64 {
    let each = each(operations, coroutines);
    let mut ready: VecDeque<Coroutine<(), (), ()>> = (0..coroutines)
        .map(|number| {
            Coroutine::with_stack(stack(), move |yielder, ()| {
                for _ in 0..WARM_UP {
                    yielder.suspend(());
                }
                if number == 0 {
                    stamp::begin();
                }
                for _ in 0..each {
                    yielder.suspend(());
                }
                if number == 0 {
                    stamp::end();
                }
            })
        })
        .collect();
    while let Some(mut coroutine) = ready.pop_front() {
        match coroutine.resume(()) {
            CoroutineResult::Yield(()) => ready.push_back(coroutine),
            CoroutineResult::Return(()) => {}
        }
    }
    stamp::per(each * coroutines as u64)
}

fn create(operations: u64) -> f64 {
    let sum = Rc::new(Cell::new(0));
    let place: *const Cell<u64> = &raw const *sum;
    let mut stack = Some(stack());
    let mut start = |number: u64| {
        let reused = stack.take().expect("put back below");
        let mut coroutine: Coroutine<(), (), ()> = Coroutine::with_stack(reused, move |_, ()| {
            // SAFETY: `sum` is there until `create` returns, after the last of these has ended.
            let sum = unsafe { &*place };
            sum.set(sum.get() + black_box(number));
        });
        coroutine.resume(());
        stack = Some(coroutine.into_stack());
    };
    (0..1_000).for_each(&mut start);
    stamp::begin();
    (0..operations).for_each(&mut start);
    stamp::end();
    black_box(sum.get());
    stamp::per(operations)
}
