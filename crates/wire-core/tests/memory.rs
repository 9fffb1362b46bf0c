//! Control blocks and stacks: when they are in use, free, too small, and given back.
mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use common::{Drops, Log, OnDrop, SIZE, spawn, stack, wire};
use wire_core::{JoinError, SpawnError, Stack, run, suspend, yield_now};

/// A stack that counts how often it was given back.
fn counting_stack(count: &'static Cell<u32>) -> Stack<'static> {
    unsafe fn given_back(count: *const ()) {
        // SAFETY: the address of a leaked cell of this thread.
        let count = unsafe { &*count.cast::<Cell<u32>>() };
        count.set(count.get() + 1);
    }
    // SAFETY: the cell is leaked, and counting is fine at any time.
    unsafe { stack().with_hook(given_back, std::ptr::from_ref(count).cast()) }
}

fn counter() -> &'static Cell<u32> {
    Box::leak(Box::default())
}

#[test]
fn a_control_block_is_one_cache_line() {
    assert_eq!(align_of::<wire_core::Wire>(), 64);
    if wire_core::BACKEND == "native" {
        assert_eq!(size_of::<wire_core::Wire>(), 64);
    }
}

#[test]
fn outside_run_no_wire_starts() {
    let (drops, count) = (Drops::new(), counter());
    let value = drops.counted();
    let refused = wire().spawn(counting_stack(count), "none", move || drop(value));
    assert_eq!(refused.unwrap_err(), SpawnError::NotRunning);
    assert_eq!((drops.count(), count.get()), (1, 1));
}

#[test]
fn a_control_block_in_use_is_refused() {
    let place = wire();
    let count = counter();
    run(|| {
        let start = || place.spawn(counting_stack(count), "one", || ());
        let first = start().unwrap();
        assert_eq!(start().unwrap_err(), SpawnError::InUse);
        assert_eq!(count.get(), 1, "the second stack");
        yield_now();
        assert_eq!(start().unwrap_err(), SpawnError::InUse, "not joined yet");
        assert_eq!(count.get(), 2);
        first.join().unwrap();
        assert_eq!(count.get(), 3, "joined");
        start().unwrap().detach();
        assert_eq!(start().unwrap_err(), SpawnError::InUse, "not over yet");
        yield_now();
        assert_eq!(count.get(), 5, "detached and over");
        let dropped_later = start().unwrap();
        yield_now();
        assert_eq!(count.get(), 5);
        drop(dropped_later);
        assert_eq!(count.get(), 6);
    });
    assert!(!place.is_in_use());
}

#[test]
fn a_control_block_can_be_used_again_before_its_waiters_ran() {
    let place = wire();
    run(|| {
        for round in 0..1000_u32 {
            let handle = place.spawn(stack_once(), "again", move || round);
            assert_eq!(handle.unwrap().join().unwrap(), round);
        }
    });

    fn stack_once() -> Stack<'static> {
        thread_local!(static LOW: Cell<Option<NonNull<u8>>> = const { Cell::new(None) });
        let low = LOW.get().unwrap_or_else(|| stack().low());
        LOW.set(Some(low));
        // SAFETY: the wire before on this stack is over.
        unsafe { Stack::from_raw(low, SIZE) }
    }
}

#[test]
fn a_stored_handle_of_a_wire_that_is_gone_does_nothing() {
    let place = wire();
    run(|| {
        let first = place.spawn(stack(), "first", || ()).unwrap();
        let stale = first.handle();
        assert_eq!(stale.name(), "first");
        assert!(!stale.is_finished());
        first.join().unwrap();
        assert_eq!((stale.name(), stale.is_finished()), ("", true));

        let second = place
            .spawn(stack(), "second", || suspend().is_ok())
            .unwrap();
        assert_ne!(stale, second.handle());
        yield_now();
        stale.resume();
        stale.cancel();
        yield_now();
        assert!(!second.is_finished());
        second.handle().resume();
        assert!(second.join().unwrap());
    });
}

#[test]
fn a_handle_of_the_main_wire_does_not_reach_the_next_main_wire() {
    let stale = run(|| wire_core::Handle::current().unwrap());
    assert!(stale.is_finished());
    run(|| {
        stale.cancel();
        assert_eq!(wire_core::check_interrupt(), Ok(()));
        yield_now();
        assert_eq!(stale.name(), "");
    });
}

#[test]
fn a_closure_or_result_larger_than_the_stack_is_refused() {
    let place = wire();
    let count = counter();
    run(|| {
        let drops = Drops::new();
        let (large, value) = ([0_u8; SIZE / 2], drops.counted());
        let refused = place.spawn(counting_stack(count), "large", move || {
            let _all = &value;
            large[17]
        });
        let Err(SpawnError::TooLarge { needed, size }) = refused else {
            panic!("{refused:?}")
        };
        assert!(needed > SIZE && size == SIZE);
        assert_eq!((drops.count(), count.get()), (1, 1));

        let refused = place.spawn(counting_stack(count), "large", || [1_u8; SIZE / 2]);
        assert!(matches!(refused, Err(SpawnError::TooLarge { .. })));
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(&SIZE.to_string()), "{error}");

        // SAFETY: never used, since it is too small for anything.
        let tiny = unsafe { Stack::from_raw(stack().low(), 32) };
        let refused = place.spawn(tiny, "tiny", || ()).unwrap_err();
        assert!(matches!(refused, SpawnError::TooLarge { size: 32, .. }));
        assert!(!place.is_in_use());
    });
}

#[test]
fn a_refused_closure_that_panics_when_dropped_does_not_keep_the_stack() {
    let (place, count) = (wire(), counter());
    run(|| {
        let (large, bomb) = (
            [0_u8; SIZE / 2],
            OnDrop(|| panic!("in a closure's destructor")),
        );
        let refused = catch_unwind(AssertUnwindSafe(|| {
            let body = move || (&bomb, large).1[17];
            place.spawn(counting_stack(count), "bomb", body)
        }));
        assert!(refused.is_err());
        assert_eq!(count.get(), 1);
        assert!(!place.is_in_use());
    });
}

#[test]
fn a_stack_of_just_the_size_asked_for_is_not_overrun() {
    const CANARY: usize = 128 * 1024;
    let memory: &'static mut [u128] = vec![0xAB; (CANARY + SIZE) / 16].leak();
    let low = NonNull::from(&mut memory[CANARY / 16]).cast();
    run(|| {
        let numbers: [u32; 5000] = std::array::from_fn(|n| n as u32 * 3);
        let body = move || {
            yield_now();
            numbers
        };
        // SAFETY: leaked and aligned. 2 KiB are enough for the little it does, which the canary
        // below shows.
        let spawn = |size| unsafe { wire().spawn(Stack::from_raw(low, size), "just", body) };
        let Err(SpawnError::TooLarge { needed, .. }) = spawn(4096) else {
            panic!("20 KB need more")
        };
        let result = spawn(needed.next_multiple_of(16)).unwrap().join().unwrap();
        assert!((0..5000).all(|n| result[n] == n as u32 * 3));
    });
    assert!(memory[..CANARY / 16].iter().all(|word| *word == 0xAB));
}

#[test]
fn closures_and_results_of_any_alignment_lie_aligned() {
    #[repr(align(64))]
    struct Line(u64);
    #[repr(align(4096))]
    struct Page(u64);
    fn aligned<T>(value: &T) -> bool {
        std::ptr::from_ref(value)
            .addr()
            .is_multiple_of(align_of::<T>())
    }
    run(|| {
        let (line, page) = (Line(1), Page(2));
        let wire = spawn("aligned", move || {
            assert!(aligned(&line) && aligned(&page));
            yield_now();
            Page(line.0 + page.0)
        });
        let page = wire.join().unwrap();
        assert!(aligned(&page));
        assert_eq!(page.0, 3);
        let odd = [7_u8; 13];
        assert_eq!(spawn("odd", move || odd).join().unwrap(), [7; 13]);
    });
}

#[test]
fn closures_and_results_of_no_size_work() {
    thread_local!(static RAN: Cell<u32> = const { Cell::new(0) });
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            RAN.set(RAN.get() + 1);
        }
    }
    run(|| {
        let nothing = Nothing;
        let wire = spawn("nothing", move || nothing);
        let nothing = wire.join().unwrap();
        assert_eq!(RAN.get(), 0);
        drop(nothing);
        assert_eq!(RAN.get(), 1);
        enum Never {}
        let never = spawn("never", || -> Never { panic!("never returns") });
        assert!(matches!(never.join(), Err(JoinError::Panicked(_))));
    });
}

#[test]
fn the_destructor_of_a_result_may_wait_and_its_wire_is_not_over_until_it_has() {
    let log = Log::new();
    let place = wire();
    run(|| {
        let inner = log.clone();
        let f = move || {
            OnDrop(move || {
                inner.add("drops");
                yield_now();
                suspend().unwrap();
                inner.add("dropped");
            })
        };
        let handle = place.spawn(stack(), "waits", f).unwrap();
        let name = handle.handle();
        handle.detach();
        yield_now();
        log.add("main");
        yield_now();
        assert!(place.is_in_use());
        name.resume();
        yield_now();
        assert!(!place.is_in_use());
    });
    assert_eq!(log.take(), "drops main dropped");
}

#[test]
fn a_handle_dropped_while_the_result_is_dropped_is_another_ones() {
    // The result holds the last handle of a second wire, which is over: its result goes, too.
    let drops = Drops::new();
    run(|| {
        let value = drops.counted();
        let inner = spawn("inner", move || value);
        let outer = spawn("outer", move || inner);
        yield_now();
        outer.detach();
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_wire_whose_result_holds_its_own_handle_is_leaked_and_nothing_worse() {
    let place = wire();
    run(|| {
        type Own = Rc<Cell<Option<Box<dyn std::any::Any>>>>;
        let own: Own = Own::default();
        let slot = Rc::clone(&own);
        let handle = place.spawn(stack(), "own", move || slot).unwrap();
        own.set(Some(Box::new(handle)));
    });
    assert!(place.is_in_use());
}
