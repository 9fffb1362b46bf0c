//! A wire waits for two wake-ups and learns which came: the least one can do with this crate alone.
use std::ptr::NonNull;

use wire_wait::wire_core::{Stack, Wire, run, scope, yield_now};
use wire_wait::{Either, Wakeup, wait_two};

#[repr(align(16))]
struct Memory([u8; 64 * 1024]);

fn main() {
    let mut memory = Box::new(Memory([0; 64 * 1024]));
    let low = NonNull::from(&mut memory.0).cast();
    let (wire, data, stop) = (Wire::new(), Wakeup::new(), Wakeup::new());
    let seen = run(|| {
        scope(|s| {
            // SAFETY: aligned, used by nothing else, outlives the scope, ample for what runs here.
            let stack = unsafe { Stack::from_raw(low, size_of::<Memory>()) };
            let waiting = s.spawn(&wire, stack, "waiting", || wait_two(&data, &stop));
            yield_now();
            stop.resume();
            waiting.unwrap().join().unwrap()
        })
    });
    assert_eq!(seen, Ok(Either::Second(())));
    println!("waited for two wake-ups, and the second came: {seen:?}");
}
