//! A static pool is part of the program's zeroes: it takes no room in the file, and no memory
//! before it is used.
use wire_pool::{Local, Pool, run};

const WIRES: usize = 1024;
const STACK: usize = 64 * 1024;

static POOL: Local<Pool<WIRES, STACK>> = Local::new(Pool::new());

/// Memory of this process, in bytes.
fn in_memory() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_static_pool_takes_no_room_in_the_file_and_no_memory_before_its_use() {
    let file = std::fs::metadata(std::env::current_exe().unwrap())
        .unwrap()
        .len();
    assert!(file < (WIRES * STACK / 2) as u64, "{file}");

    let before = in_memory();
    run(|| POOL.spawn("one", || ()).unwrap().join().unwrap());
    let one = in_memory() - before;
    assert!(one < 40 * STACK, "{one}");
    run(|| {
        let wires = [(); WIRES].map(|()| POOL.spawn("all", || ()).unwrap());
        wires.into_iter().for_each(|wire| wire.join().unwrap());
    });
    let all = in_memory() - before;
    assert!(all < WIRES * STACK / 2, "{all}");
    // What a wire that did nothing leaves behind: a page or two of stack, and its control block.
    assert!(all / WIRES < 3 * 4096, "{}", all / WIRES);
    assert_eq!(POOL.give_back(), WIRES);
    let idle = in_memory() - before;
    assert!(idle < all / 4, "{idle} of {all}");
}
