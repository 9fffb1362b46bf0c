//! What an idle wire of a pool takes of memory: a page, and 200 bytes at most. A program of its own, since it reads
//! the memory of the whole process.

use std::fs;

use wire_core::{run, suspend, yield_now};
use wire_pool::MappedPool;

const WIRES: usize = 20_000;

/// Memory that is no file's, counted page by page.
fn resident() -> usize {
    let maps = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = maps.lines().find(|line| line.starts_with("Anonymous:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn an_idle_wire_takes_a_page_and_200_bytes_at_most() {
    let pool: &MappedPool = Box::leak(Box::new(MappedPool::builder().max(WIRES).build().unwrap()));
    run(|| {
        let mut handles = Vec::with_capacity(WIRES);
        // Whatever the first ones set up.
        for _ in 0..10 {
            pool.spawn("first", || ()).unwrap().join().unwrap();
        }
        handles.resize_with(WIRES, || None);
        let before = resident();
        for handle in &mut handles {
            *handle = Some(pool.spawn("idle", suspend).unwrap());
        }
        // Each has run, and waits.
        yield_now();
        assert_eq!(pool.in_use(), WIRES);
        let each = (resident() - before) / WIRES;
        assert!((4096..=4096 + 200).contains(&each), "{each}");
        for handle in handles.into_iter().flatten() {
            handle.handle().resume();
            handle.join().unwrap().unwrap();
        }
    });
}
