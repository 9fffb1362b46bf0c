//! Nothing in this crate allocates, contended and cancelled paths included.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;
#[path = "../../wire-wait/tests/counting/mod.rs"]
mod counting;

use common::{leak, settle, spawn};
use wire_core::{Interrupt, run, yield_now};
use wire_lock::{Barrier, Condvar, Mutex, OnceCell, RwLock, Semaphore, WaitGroup};

#[test]
fn locking_does_not_allocate() {
    let mutex = leak(Mutex::new([0; 3]));
    let (semaphore, group) = (leak(Semaphore::new(2)), leak(WaitGroup::new()));
    run(|| {
        let workers = [0, 1, 2].map(|index| {
            spawn("worker", move || {
                // Cancelled at last: `lock` is where that ends it.
                while let Ok(mut counts) = mutex.lock() {
                    counts[index] += 1;
                    yield_now();
                    drop(counts);
                    let _pass = group.enter();
                    drop(semaphore.acquire_many(1 + index % 2));
                }
            })
        });
        yield_now();
        let before = counting::allocations();
        for _ in 0..1000 {
            drop(mutex.lock().unwrap());
            let permit = semaphore.acquire().unwrap();
            group.wait().unwrap();
            assert!(mutex.is_locked());
            drop(wire_wait::wait_two(&mutex, &semaphore).unwrap());
            drop(permit);
        }
        let held = mutex.lock().unwrap();
        // All of them stand in line by then.
        (0..10).for_each(|_| yield_now());
        workers.iter().for_each(|worker| worker.cancel());
        settle();
        assert_eq!(counting::allocations(), before);
        assert!(held.iter().all(|&count| count > 500), "{held:?}");
        drop(held);
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

/// What is common to the wires of the other test.
struct Shared {
    data: RwLock<u64>,
    turn: Mutex<usize>,
    changed: Condvar,
    barrier: Barrier,
    cells: [OnceCell<usize>; 1000],
}

#[test]
fn reading_writing_conditions_barriers_and_making_do_not_allocate() {
    const WIRES: usize = 3;
    let shared: &Shared = leak(Shared {
        data: RwLock::new(0),
        turn: Mutex::new(0),
        changed: Condvar::new(),
        barrier: Barrier::new(WIRES),
        cells: [const { OnceCell::new() }; 1000],
    });
    let round = |me: usize, number: usize| {
        *shared.data.write()? += 1;
        {
            let _value = shared.data.read()?;
            yield_now();
        }
        drop(wire_wait::wait(&shared.data.reading())?);
        shared.cells[number].get_or_init(|| {
            yield_now();
            me
        })?;
        shared.barrier.wait()?;
        let mut turn = shared.turn.lock()?;
        shared
            .changed
            .wait_while(&mut turn, |turn| *turn % WIRES != me)?;
        *turn += 1;
        shared.changed.notify_all();
        Ok::<(), Interrupt>(())
    };
    run(|| {
        let wires = [0, 1, 2].map(|me| {
            spawn("worker", move || {
                yield_now();
                (0..1000).try_for_each(|number| round(me, number))?;
                // Nobody else comes any more.
                if me > 0 {
                    shared.barrier.wait().map(drop)
                } else {
                    Ok(())
                }
            })
        });
        // They have begun.
        yield_now();
        let before = counting::allocations();
        settle();
        wires[1].cancel();
        wires[2].cancel();
        settle();
        assert_eq!(counting::allocations(), before);
        assert_eq!(*shared.data.read().unwrap(), 3000);
        let results = wires.map(|wire| wire.join().unwrap());
        let cancelled = Err(Interrupt::Cancelled);
        assert_eq!(results, [Ok(()), cancelled, cancelled]);
    });
}
