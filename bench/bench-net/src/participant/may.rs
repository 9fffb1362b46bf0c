//! may, with one worker.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::sync::mpsc;

use bench_core::participant::may::in_coroutine;
use may::coroutine::sleep;
use may::net::TcpStream;

use super::BUFFER;
use crate::done;
use crate::row::SLEEP;

pub(super) const CONFIGURATION: &str = "one worker, default features off (no work stealing, no timeouts), \
     a coroutine for each connection; read and write_all";

pub(super) fn serve(listener: TcpListener, connections: usize) -> io::Result<()> {
    let (send, outcome) = mpsc::channel();
    in_coroutine(move || {
        let _ = send.send(accept(listener, connections));
    });
    outcome.recv().expect("the coroutine has ended")
}

fn accept(listener: TcpListener, connections: usize) -> io::Result<()> {
    // SAFETY: the descriptor is open, and nobody else's any more.
    let listener = unsafe { may::net::TcpListener::from_raw_fd(listener.into_raw_fd()) };
    let mut all = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (stream, _) = listener.accept()?;
        // What an error says is that the client went away, as it does in the end.
        all.push(may::go!(move || drop(talk(stream))));
    }
    for one in all {
        one.join().expect("no panic");
    }
    Ok(())
}

fn talk(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        done::note();
        stream.write_all(&buffer[..count])?;
    }
}

pub(super) fn sleeps(sleepers: usize) {
    in_coroutine(move || {
        let sleeps = |_| {
            may::go!(|| {
                while !done::is_all() {
                    sleep(SLEEP);
                    done::note();
                }
            })
        };
        let all: Vec<_> = (0..sleepers).map(sleeps).collect();
        for one in all {
            one.join().expect("no panic");
        }
    });
}
