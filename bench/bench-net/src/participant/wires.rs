//! Wires of a pool in one mapping.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use bench_core::participant::wires::{self, pool};
use bench_harness::Plan;
use wire_fd::{Watch, sleep};
use wire_pool::run;

use super::BUFFER;
use crate::done;
use crate::row::SLEEP;

pub(super) const CONFIGURATION: &str = "a wire for each connection, of a MappedPool of the smallest safe \
     stacks (32 KiB), guards of one page; Watch, read and write_all";

pub(super) fn serve(listener: TcpListener, connections: usize) -> io::Result<()> {
    run(|| {
        let pool = pool(connections);
        let listener = Watch::new(listener)?;
        for _ in 0..connections {
            let (stream, _) = listener.read_with(TcpListener::accept)?;
            // What an error says is that the client went away, as it does in the end.
            let talk = move || drop(talk(stream));
            pool.spawn("connection", talk)
                .map_err(|_| io::Error::other("the pool is full"))?
                .detach();
        }
        pool.wait_until_idle().map_err(wire_fd::interrupt_to_io)
    })
}

fn talk(stream: TcpStream) -> io::Result<()> {
    let stream = Watch::new(stream)?;
    let mut buffer = [0; BUFFER];
    loop {
        let count = (&stream).read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        done::note();
        (&stream).write_all(&buffer[..count])?;
    }
}

pub(super) fn yields(each: Plan) {
    run(|| wires::yields(2, each, |_| ()));
}

/// A third wire waits for a descriptor of which nothing comes until the other two are done.
pub(super) fn yields_beside_a_descriptor(each: Plan) {
    run(|| {
        let (mut near, far) = UnixStream::pair().expect("a pair of sockets");
        let idle = pool(1);
        let waits = move || {
            let mut byte = [0];
            let far = Watch::new(far).expect("a socket can be watched");
            (&far).read_exact(&mut byte).expect("a byte comes");
        };
        idle.spawn("waits", waits).expect("room").detach();
        wire_pool::yield_now();
        wires::yields(2, each, |_| ());
        assert_eq!(idle.in_use(), 1, "it waits all the while");
        near.write_all(b"!").expect("there is room");
        idle.wait_until_idle().expect("nobody interrupts");
    });
}

pub(super) fn sleeps(sleepers: usize) {
    run(|| {
        let pool = pool(sleepers);
        for _ in 0..sleepers {
            let sleeps = || {
                while !done::is_all() {
                    sleep(SLEEP).expect("nobody interrupts");
                    done::note();
                }
            };
            pool.spawn("sleeper", sleeps).expect("room").detach();
        }
        pool.wait_until_idle().expect("nobody interrupts");
    });
}
