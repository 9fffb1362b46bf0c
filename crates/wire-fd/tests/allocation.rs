//! Rule 9 of the contract: after set-up, nothing here allocates.
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::go;
use wire_core::{run, yield_now};
use wire_fd::{Interval, ThreadChannel, Timeout, Watch, sleep, timeout};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: forwards to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn waiting_does_not_allocate() {
    run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        let echo = go(move || {
            let mut buf = [0; 64];
            while let Ok(n @ 1..) = (&b).read(&mut buf) {
                (&b).write_all(&buf[..n]).unwrap();
            }
        });
        let channel = ThreadChannel::<u32, 1>::new();
        let idle = std::pin::pin!(Timeout::new());
        let idle = idle.as_ref();
        let mode = a.mode();
        let round = || {
            channel.send(1).unwrap();
            assert!(timeout(Duration::from_micros(20), || channel.send(2).is_err()).unwrap());
            assert!(channel.recv().is_ok());
            assert!(timeout(Duration::from_micros(20), || channel.recv().is_err()).unwrap());
            idle.reset(Duration::from_secs(60)).unwrap();
            idle.reset(Duration::from_micros(20)).unwrap();
            idle.wait().unwrap();
            Interval::new(Duration::from_micros(20)).tick().unwrap();
            mode.write();
            mode.wait().unwrap();
            mode.read();
            timeout(Duration::from_micros(20), || mode.wait().is_err()).unwrap();
            let mut buf = [0; 64];
            (&a).write_all(&[1; 64]).unwrap();
            (&a).read_exact(&mut buf).unwrap();
            sleep(Duration::from_micros(20)).unwrap();
            timeout(Duration::from_micros(20), || a.readable().is_err()).unwrap();
            timeout(Duration::from_secs(60), || sleep(Duration::from_micros(1)))
                .unwrap()
                .unwrap();
        };
        round(); // sets up what is set up at first use
        let before = COUNT.with(Cell::get);
        for _ in 0..200 {
            round();
        }
        assert_eq!(COUNT.with(Cell::get) - before, 0);
        drop(mode);
        drop(a);
        echo.join().unwrap();
    });
}

#[test]
fn registering_does_not_allocate() {
    run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        let pairs: Vec<_> = (0..100).map(|_| UnixStream::pair().unwrap()).collect();
        let mut watched = Vec::with_capacity(2 * pairs.len());
        let _first = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        let before = COUNT.with(Cell::get);
        for (a, b) in pairs {
            watched.push(Watch::new(a).unwrap());
            watched.push(Watch::new(b).unwrap());
        }
        yield_now();
        watched.clear();
        assert_eq!(COUNT.with(Cell::get) - before, 0);
    });
}
