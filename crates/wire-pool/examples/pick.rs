//! Many jobs, few wires: the least one can do with this crate alone.
use std::cell::Cell;

use wire_pool::{Local, MappedPool, Pool, run, scope, yield_now};

static POOL: Local<Pool<4, { 64 * 1024 }>> = Local::new(Pool::new());

fn main() {
    let mapped = MappedPool::builder().max(3).build().expect("there is room");
    let (running, most, done) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let job = || {
        running.set(running.get() + 1);
        most.set(most.get().max(running.get()));
        yield_now();
        running.set(running.get() - 1);
        done.set(done.get() + 1);
    };
    run(|| {
        scope(|s| {
            for _ in 0..50 {
                POOL.spawn_wait_in(s, "static", job).unwrap().detach();
                mapped.spawn_wait_in(s, "mapped", job).unwrap().detach();
            }
        });
    });
    assert_eq!((done.get(), most.get()), (100, 7));
    println!(
        "{} jobs ran on {} wires of two pools",
        done.get(),
        most.get()
    );
}
