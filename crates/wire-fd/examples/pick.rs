//! Two ends of a socket, a deadline and a sleep, with wire-fd alone.
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use wire_fd::{Watch, sleep, timeout, wire_core};

fn main() -> std::io::Result<()> {
    let (a, b) = UnixStream::pair()?;
    wire_core::run(|| {
        let (a, b) = (Watch::new(a)?, Watch::new(b)?);
        let nothing =
            timeout(Duration::from_millis(5), || (&b).read(&mut [0; 8])).expect("read can fail");
        println!("nobody wrote for 5 ms: {}", nothing.unwrap_err());
        (&a).write_all(b"hello")?;
        let mut buf = [0; 8];
        let n = (&b).read(&mut buf)?;
        sleep(Duration::from_millis(1)).map_err(wire_fd::interrupt_to_io)?;
        println!(
            "then came {:?}",
            str::from_utf8(&buf[..n]).unwrap_or("noise")
        );
        Ok(())
    })
}
