//! Two wires share a number: the least one can do with this crate alone.
use std::ptr::NonNull;

use wire_lock::Mutex;
use wire_lock::wire_core::{Stack, Wire, run, scope, yield_now};

#[repr(align(16))]
struct Memory([u8; 64 * 1024]);

fn main() {
    let mut memory = [(); 2].map(|()| Box::new(Memory([0; 64 * 1024])));
    let (wires, number) = ([Wire::new(), Wire::new()], Mutex::new(0));
    run(|| {
        scope(|s| {
            for (wire, memory) in wires.iter().zip(&mut memory) {
                let low = NonNull::from(&mut memory.0).cast();
                // SAFETY: aligned, used by nothing else, outlives the scope, ample for what runs.
                let stack = unsafe { Stack::from_raw(low, size_of::<Memory>()) };
                let add = || {
                    for _ in 0..500 {
                        let mut number = number.lock().unwrap();
                        let before = *number;
                        // Others run, but not in here.
                        yield_now();
                        *number = before + 1;
                    }
                };
                s.spawn(wire, stack, "adding", add).unwrap().detach();
            }
        })
    });
    let number = number.into_inner();
    assert_eq!(number, 1000);
    println!("two wires counted to {number}");
}
