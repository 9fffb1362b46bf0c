//! What an arena promises: its stacks, their return, their memory.
mod child;

use std::hint::black_box;
use std::panic::catch_unwind;

use child::{child, success};
use wire_stack::wire_core::{JoinError, Local, Stack, Wire, run, scope, suspend, walk, yield_now};
use wire_stack::{Arena, Guards, StackError, StaticStack, high_water, resident};

fn bounds(stack: &Stack<'_>) -> (usize, usize) {
    (stack.low().addr().get(), stack.size())
}

/// Writes to every byte of a stack.
fn dirty(stack: &Stack<'_>) {
    // SAFETY: all of it is writable, and nothing runs there.
    unsafe { stack.low().write_bytes(0xA5, stack.size()) };
}

#[test]
fn the_stack_freed_last_is_lent_first() {
    let arena = Arena::builder().count(3).build().unwrap();
    let [a, b, c] = [(); 3].map(|()| arena.stack().unwrap());
    let [at_a, at_b, at_c] = [&a, &b, &c].map(bounds);
    drop(b);
    drop(c);
    drop(a);
    let again = [(); 3].map(|()| arena.stack().unwrap());
    assert_eq!(again.each_ref().map(bounds), [at_a, at_c, at_b]);
}

#[test]
fn an_arena_lends_no_more_than_it_has() {
    let arena = Arena::builder().count(2).build().unwrap();
    let first = arena.stack().unwrap();
    let _second = arena.stack().unwrap();
    assert_eq!(
        arena.stack().unwrap_err(),
        StackError::Exhausted { count: 2 }
    );
    assert_eq!(arena.in_use(), 2);
    drop(first);
    assert_eq!(arena.in_use(), 1);
    let _third = arena.stack().unwrap();
    assert_eq!(
        Arena::builder()
            .count(0)
            .build()
            .unwrap()
            .stack()
            .unwrap_err(),
        StackError::Exhausted { count: 0 }
    );
}

#[test]
fn stacks_lie_apart_and_begin_in_different_lines_of_their_pages() {
    let arena = Arena::builder()
        .count(64)
        .stack_size(40_000)
        .guard_size(5000)
        .build()
        .unwrap();
    assert_eq!((arena.stack_size(), arena.guard_size()), (40_960, 12_288));
    let stacks: Vec<_> = (0..64).map(|_| arena.stack().unwrap()).collect();
    let mut tops: Vec<_> = stacks
        .iter()
        .map(|s| (s.low().addr().get() + s.size()) % 4096)
        .collect();
    for pair in stacks.windows(2) {
        let [(low, size), (next, _)] = [bounds(&pair[0]), bounds(&pair[1])];
        assert!(next >= low + size + arena.guard_size(), "{pair:?}");
        assert!(
            size > arena.stack_size() - 1024 && size.is_multiple_of(64),
            "{pair:?}"
        );
    }
    tops.sort_unstable();
    tops.dedup();
    assert_eq!(tops.len(), 16);
    stacks.iter().for_each(dirty);
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let too_small = Arena::builder().stack_size(4096).build().unwrap_err();
    assert_eq!(
        too_small,
        StackError::TooSmall {
            size: 4096,
            least: 32 * 1024
        }
    );
    assert!(too_small.to_string().contains("needs 32768"), "{too_small}");
    for huge in [
        Arena::builder().stack_size(usize::MAX),
        Arena::builder().guard_size(usize::MAX),
        Arena::builder().count(usize::MAX),
        Arena::builder().count(1 << 31).stack_size(1 << 40),
    ] {
        assert_eq!(huge.build().unwrap_err(), StackError::TooLarge);
    }
    let more_than_there_is = Arena::builder()
        .count(1 << 20)
        .stack_size(1 << 30)
        .build()
        .unwrap_err();
    assert!(
        matches!(more_than_there_is, StackError::Map { .. }),
        "{more_than_there_is:?}"
    );
    let text = more_than_there_is.to_string();
    assert!(
        text.contains("ulimit -v") && text.contains("ENOMEM"),
        "{text}"
    );
}

#[test]
fn stacks_return_however_the_wire_ends() {
    let arena = Arena::builder().count(1).build().unwrap();
    let wire = Wire::new();
    run(|| {
        scope(|s| {
            let stack = || arena.stack().expect("the stack of the wire before is back");
            s.spawn(&wire, stack(), "joined", || ())
                .unwrap()
                .join()
                .unwrap();
            let panics = s
                .spawn(&wire, stack(), "panics", || panic!("on purpose"))
                .unwrap();
            assert!(matches!(panics.join(), Err(JoinError::Panicked(_))));
            let suspended = s
                .spawn(&wire, stack(), "cancelled", || suspend().unwrap_err())
                .unwrap();
            yield_now();
            suspended.cancel();
            suspended.join().unwrap();
            let never_ran = s.spawn(&wire, stack(), "never ran", || ()).unwrap();
            never_ran.cancel();
            assert!(matches!(never_ran.join(), Err(JoinError::Cancelled)));
            let ended = s
                .spawn(&wire, stack(), "dropped later", || [1; 100])
                .unwrap();
            yield_now();
            assert!(ended.is_finished() && arena.stack().is_err());
            drop(ended);
            s.spawn(&wire, stack(), "detached", || ()).unwrap().detach();
            yield_now();
            let large = [0_u8; 64 * 1024];
            s.spawn(&wire, stack(), "too large", move || _ = black_box(large))
                .unwrap_err();
            assert_eq!(arena.in_use(), 0);
        });
    });
}

#[test]
fn memory_of_idle_stacks_goes_back_to_the_system() {
    let arena = Arena::builder().count(2).build().unwrap();
    let [idle, lent] = [(); 2].map(|()| arena.stack().unwrap());
    let places = [bounds(&idle), bounds(&lent)];
    dirty(&idle);
    dirty(&lent);
    drop(idle);
    assert_eq!(places.map(|at| resident(at).unwrap()), [64 * 1024; 2]);
    assert_eq!(arena.give_back(), 1);
    assert_eq!(places.map(|at| resident(at).unwrap()), [0, 64 * 1024]);
    dirty(&arena.stack().unwrap());
    drop(lent);
}

#[test]
fn memory_of_a_lent_stack_can_go_back_before_it_is_used() {
    let arena = Arena::builder().count(2).build().unwrap();
    let _first = arena.stack().unwrap();
    let mut stack = arena.stack().unwrap();
    dirty(&stack);
    arena.give_back_lent(&mut stack);
    assert_eq!(resident(bounds(&stack)), Some(0));
    let other = Arena::builder().build().unwrap();
    let mut foreign = other.stack().unwrap();
    assert!(
        catch_unwind(std::panic::AssertUnwindSafe(
            || arena.give_back_lent(&mut foreign)
        ))
        .is_err()
    );
}

#[test]
fn the_high_water_mark_is_how_deep_a_wire_went() {
    let arena = Arena::builder().stack_size(4 << 20).build().unwrap();
    let (shallow, deep) = (Wire::new(), Wire::new());
    let mark = |name: &str| {
        let mut mark = None;
        walk(|info| {
            if info.name() == name {
                mark = high_water(info.stack());
            }
        });
        mark.expect("the wire is there")
    };
    run(|| {
        scope(|s| {
            let stack = arena.stack().unwrap();
            s.spawn(&shallow, stack, "shallow", || {
                assert!(mark("shallow") < 64 << 10)
            })
            .unwrap()
            .join()
            .unwrap();
            let goes_deep = || {
                black_box([1_u8; 512 << 10]);
                assert!(mark("deep") >= 512 << 10);
            };
            s.spawn(&deep, arena.stack().unwrap(), "deep", goes_deep)
                .unwrap()
                .join()
                .unwrap();
        });
    });
    assert_eq!(
        high_water((1 << 12, 1 << 12)),
        None,
        "nothing is mapped there"
    );
}

#[test]
fn an_arena_gives_its_mapping_back() {
    // By itself, since another thread might map something in the same place.
    let output = child("an_arena_gives_its_mapping_back", || {
        let arena = Arena::builder().count(10).build().unwrap();
        let stack = arena.stack().unwrap();
        let at = bounds(&stack);
        assert!(resident(at).is_some());
        drop(stack);
        drop(arena);
        assert_eq!(resident(at), None);
    });
    success(&output);
}

#[test]
fn an_arena_may_be_larger_than_memory() {
    let arena = Arena::builder().count(1_000_000).build().unwrap();
    let first = bounds(&arena.stack().unwrap());
    assert_eq!(resident(first), Some(0));
    assert_eq!(arena.count(), 1_000_000);
}

#[test]
fn a_hundred_thousand_stacks_are_guarded_by_markers_in_one_mapping() {
    let arena = Arena::builder().count(100_000).build().unwrap();
    if arena.guards() == Guards::Mprotect {
        // A kernel without markers; the wall it has is the next test's.
        return;
    }
    for _ in 0..100_000 {
        std::mem::forget(arena.stack().unwrap());
    }
    assert_eq!((arena.in_use(), arena.guards()), (100_000, Guards::Markers));
}

#[test]
fn a_static_stack_is_lent_once_at_a_time() {
    static STACK: Local<StaticStack<{ 64 * 1024 }>> = Local::new(StaticStack::new());
    let stack = STACK.stack().unwrap();
    assert_eq!(STACK.stack().unwrap_err(), StackError::InUse);
    let at = bounds(&stack);
    assert!(at.1 >= 64 * 1024 - 4096 - 1024, "{stack:?}");
    dirty(&stack);
    assert!(!STACK.give_back());
    assert!(resident(at) > Some(56 * 1024));
    drop(stack);
    assert!(STACK.give_back());
    assert_eq!(resident(at), Some(0));
    let mut again = STACK.stack().unwrap();
    assert_eq!(bounds(&again), at);
    dirty(&again);
    STACK.give_back_lent(&mut again);
    assert!(STACK.is_in_use());
    assert!(
        resident(at) <= Some(4096),
        "all but the page of the state word"
    );
}

#[test]
fn the_smallest_stacks_hold_a_panic_with_a_backtrace() {
    static STACK: Local<StaticStack<{ 32 * 1024 }>> = Local::new(StaticStack::new());
    let output = child("the_smallest_stacks_hold_a_panic_with_a_backtrace", || {
        wire_stack::detector::install().unwrap();
        // SAFETY: this process has no other thread that looks at its environment.
        unsafe { std::env::set_var("RUST_BACKTRACE", "full") };
        let arena = Arena::builder()
            .stack_size(32 * 1024)
            .count(40)
            .build()
            .unwrap();
        let wire = Wire::new();
        run(|| {
            scope(|s| {
                for stack in (0..40)
                    .map(|_| arena.stack().unwrap())
                    .chain([STACK.stack().unwrap()])
                {
                    let panics = s
                        .spawn(&wire, stack, "panics", || panic!("on purpose"))
                        .unwrap();
                    assert!(matches!(panics.join(), Err(JoinError::Panicked(_))));
                }
            });
        });
    });
    let text = success(&output);
    assert!(
        text.contains("on purpose") && text.contains("stack backtrace"),
        "{text}"
    );
}
