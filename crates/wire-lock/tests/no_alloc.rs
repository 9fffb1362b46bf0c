//! Nothing in this crate allocates, contended and cancelled paths included.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;
#[path = "../../wire-wait/tests/counting/mod.rs"]
mod counting;

use common::{leak, settle, spawn};
use wire_core::{run, yield_now};
use wire_lock::{Mutex, Semaphore, WaitGroup};

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
                    drop(semaphore.acquire());
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
