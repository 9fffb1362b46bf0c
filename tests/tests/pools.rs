//! Waiting for a wire of a pool under a deadline, in its own order.

use std::cell::RefCell;
use std::time::Duration;

use libwire as wire;
use wire::pool::{MappedPool, SpawnError, TrySpawnError};
use wire::{Elapsed, Interrupt};

const MS: Duration = Duration::from_millis(1);

fn pool(max: usize) -> MappedPool {
    MappedPool::builder().max(max).build().unwrap()
}

#[test]
fn a_deadline_ends_a_wait_for_a_wire_and_those_behind_move_up() {
    wire::run(|| {
        let (pool, order) = (pool(1), RefCell::new(Vec::new()));
        wire::scope(|s| {
            let holder = pool.spawn_in(s.inner(), "holder", wire::suspend).unwrap();
            let waited = &pool;
            let late = s.spawn(move || {
                let spawn = || waited.spawn_wait_in(s.inner(), "late", || ()).map(drop);
                // It does not come free before this one has given up.
                wire::timeout(MS, spawn).unwrap()
            });
            wire::yield_now();
            for name in ["first", "second"] {
                let (pool, order) = (&pool, &order);
                s.spawn(move || {
                    let job = move || order.borrow_mut().push(name);
                    let served = pool.spawn_wait_in(s.inner(), name, job);
                    served.unwrap().detach();
                });
            }
            let outcome = late.join().unwrap();
            assert_eq!(
                outcome,
                Err(SpawnError::Interrupted(Interrupt::DeadlinePassed))
            );
            assert!(order.borrow().is_empty());
            holder.handle().resume();
            holder.join().unwrap().unwrap();
        });
        assert_eq!(*order.borrow(), ["first", "second"]);
        assert_eq!(pool.in_use(), 0);
    });
}

#[test]
fn a_wire_that_comes_free_before_the_deadline_is_taken() {
    wire::run(|| {
        let pool = pool(1);
        wire::scope(|s| {
            let holder = pool.spawn_in(s.inner(), "holder", || wire::sleep(MS));
            let holder = holder.unwrap();
            let hour = Duration::from_secs(3600);
            let spawn = || pool.spawn_wait_in(s.inner(), "next", || 17).unwrap();
            // Taken as it ends, by nobody else, though its handle is still there.
            holder.detach();
            assert_eq!(wire::timeout(hour, spawn).unwrap().join().unwrap(), 17);
        });
    });
}

#[test]
fn many_deadlines_at_once_lose_no_wire() {
    wire::run(|| {
        let pool = pool(3);
        let (served, late) = (RefCell::new(0), RefCell::new(0));
        wire::scope(|s| {
            for n in 0..300 {
                let (pool, served, late) = (&pool, &served, &late);
                s.spawn(move || {
                    let short = Duration::from_micros(n % 7 * 50);
                    let spawn = || {
                        pool.spawn_wait_in(s.inner(), "job", move || wire::sleep(short))
                            .map(|wire| wire.detach())
                    };
                    // Some are served, others not; which ones is for the clock to say.
                    match wire::timeout(short, spawn) {
                        Ok(Ok(())) => *served.borrow_mut() += 1,
                        Ok(Err(SpawnError::Interrupted(Interrupt::DeadlinePassed)))
                        | Err(Elapsed) => *late.borrow_mut() += 1,
                        Ok(Err(error)) => panic!("{error}"),
                    }
                });
            }
        });
        assert_eq!(*served.borrow() + *late.borrow(), 300);
        assert_eq!(pool.in_use(), 0);
        wire::scope(|s| {
            let all = [(); 3].map(|()| pool.spawn_in(s.inner(), "all", wire::yield_now).unwrap());
            let none = pool.spawn_in(s.inner(), "one too many", || ());
            assert!(matches!(none, Err(TrySpawnError::Full(_))));
            all.into_iter().for_each(|wire| wire.join().unwrap());
        });
    });
}

#[test]
fn closing_ends_waits_with_and_without_a_deadline() {
    wire::run(|| {
        let pool = pool(1);
        wire::scope(|s| {
            let holder = pool.spawn_in(s.inner(), "holder", wire::suspend).unwrap();
            let hour = Duration::from_secs(3600);
            let waited = &pool;
            let spawn = move || waited.spawn_wait_in(s.inner(), "never", || ()).map(drop);
            let plain = s.spawn(spawn);
            let bounded = s.spawn(move || wire::timeout(hour, spawn).unwrap());
            wire::yield_now();
            pool.close();
            assert_eq!(plain.join().unwrap(), Err(SpawnError::Closed));
            assert_eq!(bounded.join().unwrap(), Err(SpawnError::Closed));
            // What runs goes on.
            assert!(!holder.is_finished());
            holder.handle().resume();
            holder.join().unwrap().unwrap();
        });
    });
}
