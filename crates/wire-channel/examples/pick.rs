//! One wire sends, another receives: the least one can do with this crate alone.
use std::ptr::NonNull;

use wire_channel::Channel;
use wire_channel::wire_core::{Stack, Wire, run, scope};

#[repr(align(16))]
struct Memory([u8; 64 * 1024]);

fn main() {
    let mut memory = Box::new(Memory([0; 64 * 1024]));
    let low = NonNull::from(&mut memory.0).cast();
    let (wire, words) = (Wire::new(), Channel::new());
    let heard = run(|| {
        scope(|s| {
            // SAFETY: aligned, used by nothing else, outlives the scope, ample for what runs here.
            let stack = unsafe { Stack::from_raw(low, size_of::<Memory>()) };
            let talking = s.spawn(&wire, stack, "talking", || {
                for word in ["one", "move", "from", "frame", "to", "frame"] {
                    words.send(word).unwrap();
                }
                words.close();
            });
            talking.unwrap().detach();
            words.iter().collect::<Vec<_>>().join(" ")
        })
    });
    assert_eq!(heard, "one move from frame to frame");
    println!("received: {heard}");
}
