//! Three wires take turns and one is cancelled: the least one can do with this crate alone.
use std::cell::Cell;
use std::ptr::NonNull;
use wire_core::{BACKEND, JoinError, Stack, Wire, run, scope, suspend, yield_now};

const SIZE: usize = 256 * 1024;

/// Guarded stacks are the business of wire-stack; here a generous piece of the heap must do.
fn stack() -> Stack<'static> {
    #[repr(align(16))]
    struct Memory([u8; SIZE]);
    let memory = Box::leak(Box::new(Memory([0; SIZE])));
    // SAFETY: leaked, aligned, used by nothing else, and ample for what runs here.
    unsafe { Stack::from_raw(NonNull::from(&mut memory.0).cast(), SIZE) }
}

fn main() {
    let wires = [const { Wire::new() }; 3];
    let turns = Cell::new(0);
    run(|| {
        scope(|s| {
            let count = || {
                for _ in 0..1000 {
                    turns.set(turns.get() + 1);
                    yield_now();
                }
                turns.get()
            };
            let ping = s.spawn(&wires[0], stack(), "ping", count).unwrap();
            let pong = s.spawn(&wires[1], stack(), "pong", count).unwrap();
            let idle = s.spawn(&wires[2], stack(), "idle", suspend).unwrap();
            assert_eq!(ping.join().unwrap(), 2000);
            assert_eq!(pong.join().unwrap(), 2000);
            idle.cancel();
            assert!(matches!(
                idle.join(),
                Ok(Err(_)) | Err(JoinError::Cancelled)
            ));
        });
    });
    println!(
        "{BACKEND} switch: two wires took {} turns, a third was cancelled",
        turns.get()
    );
}
