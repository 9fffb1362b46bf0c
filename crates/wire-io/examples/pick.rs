//! A file read and a slow call made while another wire ticks, with wire-io alone.
use std::io::Read;
use std::time::Duration;

use wire_io::{File, offload, wire_core};

fn main() -> std::io::Result<()> {
    wire_core::run(|| {
        let mut text = String::new();
        File::open("/proc/self/status")?.read_to_string(&mut text)?;
        println!("read {} lines of /proc/self/status", text.lines().count());

        // Borrowing from this frame is fine: the wire waits for the thread.
        let words = ["on", "another", "thread"];
        let said = offload(|| {
            std::thread::sleep(Duration::from_millis(5));
            words.join(" ")
        });
        println!("a blocking call ran {said}");
        Ok(())
    })
}
