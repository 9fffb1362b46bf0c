//! Wires that end in every way, pools that come and go, and what is refused.
mod common;

use std::cell::Cell;

use common::{AnyPool, STACK, mapped};
use wire_pool::wire_core::{self, Handle, Interrupt, JoinError, outside, suspend};
use wire_pool::{
    JoinHandle, Local, MappedPool, Pool, SpawnError, StackError, TrySpawnError, run, scope,
    yield_now,
};

/// The page of a local tells which stack the caller runs on.
fn here() -> usize {
    let local = 0_u8;
    std::hint::black_box(&raw const local).addr() / STACK
}

#[test]
fn wires_come_back_however_they_end() {
    static POOL: Local<Pool<1, STACK>> = Local::new(Pool::new());
    check(&*POOL);
    check(mapped(1));

    fn check(pool: &'static impl AnyPool) {
        run(|| {
            let large = [0_u8; 2 * STACK];
            let refused = pool
                .go("too large", move || _ = std::hint::black_box(large))
                .map(JoinHandle::detach);
            assert!(matches!(refused, Err(SpawnError::Wire(_))), "{refused:?}");
            let panics = pool.go("panics", || panic!("on purpose")).unwrap();
            assert!(matches!(panics.join(), Err(JoinError::Panicked(_))));
            let cancelled = pool.go("cancelled", || suspend().unwrap_err()).unwrap();
            yield_now();
            cancelled.cancel();
            assert_eq!(cancelled.join().unwrap(), Interrupt::Cancelled);
            let unwound = pool
                .go("unwound", || {
                    loop {
                        yield_now()
                    }
                })
                .unwrap();
            yield_now();
            unwound.cancel();
            assert!(matches!(unwound.join(), Err(JoinError::Cancelled)));
            let never_ran = pool.go("never ran", || ()).unwrap();
            never_ran.cancel();
            assert!(matches!(never_ran.join(), Err(JoinError::Cancelled)));
            pool.go("detached", || ()).unwrap().detach();
            pool.idle().unwrap();
            assert_eq!(pool.in_use(), 0);
        });
    }
}

#[test]
fn a_pool_outlasts_many_runs_and_gives_memory_back() {
    static POOL: Local<Pool<4, STACK>> = Local::new(Pool::new());
    check(&*POOL);
    check(mapped(4));

    fn check(pool: &'static impl AnyPool) {
        for _ in 0..3 {
            run(|| {
                for _ in 0..10 {
                    let wires = [(); 4].map(|()| pool.go("run", here).unwrap());
                    wires.into_iter().for_each(|wire| _ = wire.join().unwrap());
                }
                let stays = pool.go("stays", || suspend().unwrap()).unwrap();
                yield_now();
                assert_eq!(pool.give_back(), 3);
                stays.handle().resume();
                stays.join().unwrap();
            });
            assert_eq!(pool.give_back(), 4);
        }
    }
}

#[test]
fn the_closure_comes_back_from_a_full_pool() {
    let pool = mapped(1);
    run(|| {
        let holder = pool.spawn("holder", || ()).unwrap();
        let message = String::from("kept");
        let Err(TrySpawnError::Full(closure)) = pool.spawn("next", move || message) else {
            panic!("one wire for two");
        };
        assert_eq!(closure(), "kept");
        holder.join().unwrap();
    });
}

#[test]
fn outside_run_there_is_an_error_not_a_panic() {
    let pool = mapped(1);
    let outcome = pool.spawn_wait("outside", || ()).map(JoinHandle::detach);
    assert_eq!(
        outcome,
        Err(SpawnError::Wire(wire_core::SpawnError::NotRunning))
    );
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_deadline_ends_the_wait_for_a_wire() {
    let pool = mapped(1);
    run(|| {
        let holder = pool.spawn("holder", || suspend().unwrap()).unwrap();
        yield_now();
        // What the crate that keeps the time does when it has come.
        outside::with_timer(|timer| outside::deadline_passed(timer.wire()));
        let outcome = pool.spawn_wait("never", || ()).map(JoinHandle::detach);
        outside::with_timer(|timer| outside::clear_deadline(timer.wire()));
        assert_eq!(
            outcome,
            Err(SpawnError::Interrupted(Interrupt::DeadlinePassed))
        );
        holder.handle().resume();
        holder.detach();
        pool.spawn_wait("next", || ()).unwrap().join().unwrap();
    });
}

#[test]
fn handles_of_a_permanent_pool_may_be_stored_and_go_stale() {
    let pool = mapped(1);
    run(|| {
        let first = pool
            .spawn("first", || Handle::current().unwrap())
            .unwrap()
            .join()
            .unwrap();
        let second = pool.spawn("second", || suspend().unwrap_err()).unwrap();
        yield_now();
        assert!(first.is_finished() && first != second.handle());
        first.cancel();
        assert!(!second.is_finished());
        second.cancel();
        assert_eq!(second.join().unwrap(), Interrupt::Cancelled);
    });
}

#[test]
fn a_pool_in_a_frame_may_move_between_scopes_and_is_unmapped_in_the_end() {
    let pool = MappedPool::builder().max(2).build().unwrap();
    let count = Cell::new(0);
    let use_it = |pool: &MappedPool| {
        run(|| {
            scope(|s| {
                for _ in 0..10 {
                    pool.spawn_wait_in(s, "counts", || count.set(count.get() + 1))
                        .unwrap()
                        .detach();
                }
            });
        });
    };
    use_it(&pool);
    let moved = Box::new(pool);
    use_it(&moved);
    assert_eq!((count.get(), moved.in_use()), (20, 0));
}

#[test]
fn forgetting_a_handle_costs_its_wire_and_nothing_else() {
    let pool = MappedPool::builder().max(2).build().unwrap();
    run(|| {
        scope(|s| {
            std::mem::forget(
                pool.spawn_in(s, "forgotten", || String::from("leaked"))
                    .unwrap(),
            )
        });
        assert_eq!(pool.in_use(), 1);
        scope(|s| pool.spawn_in(s, "next", || ()).unwrap().join().unwrap());
    });
}

#[test]
fn a_pool_serves_one_thread() {
    static POOL: Local<Pool<2, STACK>> = Local::new(Pool::new());
    run(|| POOL.spawn("mine", || ()).unwrap().join().unwrap());
    assert!(
        std::thread::spawn(|| POOL.try_get().is_err())
            .join()
            .unwrap()
    );
}

#[test]
fn pools_that_make_no_sense_are_refused() {
    let too_small = MappedPool::builder().stack_size(1000).build().unwrap_err();
    assert_eq!(
        too_small,
        StackError::TooSmall {
            size: 1000,
            least: 32 * 1024
        }
    );
    let too_large = MappedPool::builder().max(usize::MAX).build().unwrap_err();
    assert_eq!(too_large, StackError::TooLarge);
    let empty = mapped(0);
    run(|| {
        assert!(matches!(
            empty.spawn("none", || ()),
            Err(TrySpawnError::Full(_))
        ))
    });
}
