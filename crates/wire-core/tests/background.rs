//! The wire in the background: it gets its turn beside busy wires and when nobody can run.
mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::{spawn, spawn_daemon};
use wire_core::outside::{park_in_background, unblock};
use wire_core::{Interrupt, Wire, is_only_one, run, shield, suspend, yield_now};

/// A daemon that counts its turns.
fn background() -> Rc<Cell<u32>> {
    let turns = Rc::new(Cell::new(0));
    let count = Rc::clone(&turns);
    spawn_daemon("background", move || {
        while park_in_background().is_ok() {
            count.set(count.get() + 1);
        }
    });
    turns
}

#[test]
fn it_gets_turns_beside_wires_that_yield_all_the_time() {
    run(|| {
        let turns = background();
        let ends = Instant::now() + Duration::from_millis(50);
        let mut yields = 0_u64;
        while Instant::now() < ends {
            yields += 1;
            yield_now();
        }
        // 50 µs each would be 1000; machines and valgrind may be slow.
        assert!(turns.get() >= 10, "{} in {yields} yields", turns.get());
        assert!(u64::from(turns.get()) < yields);
    });
}

#[test]
fn it_gets_a_turn_soon_after_slow_ones_too() {
    run(|| {
        let turns = background();
        // Fast switches first: it must unlearn how many fit into its time.
        (0..100_000).for_each(|_| yield_now());
        let slow = Instant::now();
        let before = turns.get();
        let mut yields = 0;
        while turns.get() < before + 3 {
            std::thread::sleep(Duration::from_micros(200));
            yield_now();
            yields += 1;
            assert!(yields < 5000, "{:?}", slow.elapsed());
        }
    });
}

#[test]
fn it_gets_a_turn_at_once_when_nobody_else_can_run() {
    run(|| {
        let server = Rc::new(Cell::new(0));
        let count = Rc::clone(&server);
        let sleeper = spawn("sleeper", suspend);
        let handle = sleeper.handle();
        spawn_daemon("server", move || {
            while park_in_background().is_ok() {
                assert!(is_only_one());
                count.set(count.get() + 1);
                if count.get() == 5 {
                    handle.resume();
                }
            }
        });
        assert_eq!(sleeper.join().unwrap(), Ok(()));
        assert_eq!(server.get(), 5);
    });
}

#[test]
fn a_second_one_is_refused() {
    run(|| {
        let _turns = background();
        yield_now();
        let second = spawn("second", park_in_background);
        assert!(matches!(
            second.join(),
            Err(wire_core::JoinError::Panicked(_))
        ));
    });
}

#[test]
fn cancelled_in_the_background_it_says_so_once_it_runs_and_leaves_the_place_free() {
    run(|| {
        let parked = spawn("parked", || {
            let first = park_in_background();
            (first, park_in_background())
        });
        yield_now();
        parked.cancel();
        parked.cancel();
        let next = spawn("next", || shield(park_in_background));
        let cancelled = Err(Interrupt::Cancelled);
        assert_eq!(parked.join().unwrap(), (cancelled, cancelled));
        assert_eq!(next.join().unwrap(), Ok(()));
    });
}

#[test]
fn the_main_wire_may_wait_there() {
    run(|| {
        park_in_background().unwrap();
        let count = Rc::new(Cell::new(0));
        let inner = Rc::clone(&count);
        spawn("other", move || {
            for _ in 0..3 {
                inner.set(inner.get() + 1);
                yield_now();
            }
        })
        .detach();
        park_in_background().unwrap();
        assert_eq!(count.get(), 3);
    });
}

#[test]
fn unblocking_takes_a_wire_out_of_the_background() {
    let wire: &'static Wire = common::wire();
    run(|| {
        let parked = wire
            .spawn(common::stack(), "parked", park_in_background)
            .unwrap();
        yield_now();
        unblock(wire);
        unblock(wire);
        let other = spawn("other", park_in_background);
        assert_eq!(parked.join().unwrap(), Ok(()));
        assert_eq!(other.join().unwrap(), Ok(()));
    });
}
