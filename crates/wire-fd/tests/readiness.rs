//! Waiting for descriptors: rules 1 to 5 of the contract.
mod common;

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::go;
use wire_core::{Runtime, run, scope, yield_now};
use wire_fd::{RegisterError, Watch, sleep, timeout};

fn pair() -> (Watch<UnixStream>, Watch<UnixStream>) {
    let (a, b) = UnixStream::pair().unwrap();
    (Watch::new(a).unwrap(), Watch::new(b).unwrap())
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (a, listener.accept().unwrap().0)
}

#[test]
fn a_reader_waits_while_others_run() {
    run(|| {
        let (a, b) = pair();
        let trace: Rc<RefCell<Vec<&str>>> = Rc::default();
        let reader = go({
            let trace = Rc::clone(&trace);
            move || {
                let mut buf = [0; 8];
                let n = (&b).read(&mut buf).unwrap();
                trace.borrow_mut().push("read");
                buf[..n].to_vec()
            }
        });
        for _ in 0..3 {
            yield_now();
            trace.borrow_mut().push("tick");
        }
        (&a).write_all(b"hello").unwrap();
        assert_eq!(reader.join().unwrap(), b"hello");
        assert_eq!(*trace.borrow(), ["tick", "tick", "tick", "read"]);
    });
}

#[test]
fn readiness_is_remembered() {
    run(|| {
        let (a, b) = tcp();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        (&a).write_all(b"one two").unwrap();
        let mut word = [0; 4];
        (&b).read_exact(&mut word).unwrap();
        assert_eq!(&word, b"one ");
        // Nothing new will arrive: what is left can only be found by remembering.
        let mut rest = [0; 3];
        timeout(Duration::from_secs(5), || (&b).read_exact(&mut rest))
            .unwrap()
            .unwrap();
        assert_eq!(&rest, b"two");
    });
}

#[test]
fn a_short_read_is_not_followed_by_one_that_finds_nothing() {
    run(|| {
        let (a, b) = tcp();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        (&a).write_all(b"short").unwrap();
        let mut buf = [0; 64];
        assert_eq!((&b).read(&mut buf).unwrap(), 5);
        let tries = Cell::new(0);
        let read = timeout(Duration::from_millis(20), || {
            b.read_with(|mut io| {
                tries.set(tries.get() + 1);
                io.read(&mut buf)
            })
        });
        assert_eq!(read.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(
            tries.get(),
            0,
            "the short read had said that nothing is left"
        );
    });
}

#[test]
fn data_and_end_in_one_edge_are_both_read() {
    run(|| {
        let (mut a, b) = tcp();
        let b = Watch::new(b).unwrap();
        a.write_all(b"bye").unwrap();
        drop(a);
        sleep(Duration::from_millis(10)).unwrap();
        let mut all = Vec::new();
        timeout(Duration::from_secs(5), || (&b).read_to_end(&mut all))
            .unwrap()
            .unwrap();
        assert_eq!(all, b"bye");
    });
}

#[test]
fn wait_ends_at_hangup() {
    run(|| {
        let (a, b) = pair();
        let reader = go(move || (&b).read(&mut [0; 8]).unwrap());
        yield_now();
        drop(a);
        assert_eq!(reader.join().unwrap(), 0);
    });
}

#[test]
fn readers_and_writers_wait_separately() {
    run(|| {
        let (a, b) = pair();
        let (a, b) = (Rc::new(a), Rc::new(b));
        // Fill one direction until a writer has to wait, with a reader waiting on the same end.
        let writer = go({
            let a = Rc::clone(&a);
            move || (&*a).write_all(&[7; 4 << 20]).unwrap()
        });
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let a = Rc::clone(&a);
                go(move || {
                    let mut byte = [0];
                    (&*a).read_exact(&mut byte).unwrap();
                    byte[0]
                })
            })
            .collect();
        yield_now();
        assert!(!writer.is_finished() && readers.iter().all(|r| !r.is_finished()));
        (&*b).write_all(&[1, 2]).unwrap();
        let mut got: Vec<u8> = readers.into_iter().map(|r| r.join().unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
        assert!(!writer.is_finished());
        let mut sink = vec![0; 4 << 20];
        (&*b).read_exact(&mut sink).unwrap();
        writer.join().unwrap();
        assert!(sink.iter().all(|byte| *byte == 7));
    });
}

#[test]
fn close_ends_waits() {
    run(|| {
        let (a, _b) = pair();
        let a = Rc::new(a);
        let waiting = go({
            let a = Rc::clone(&a);
            move || (&*a).read(&mut [0; 8]).unwrap_err().raw_os_error()
        });
        yield_now();
        a.close();
        assert_eq!(waiting.join().unwrap(), Some(libc::EBADF));
        assert!(a.writable().is_err());
    });
}

/// Gives a socket a number that other tests of this process do not use.
fn numbered(socket: UnixStream) -> UnixStream {
    // SAFETY: duplicates an open descriptor to the lowest free number from there on.
    let fd = unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 900) };
    assert_eq!(fd, 900);
    // SAFETY: just made, and owned by nobody else.
    unsafe { UnixStream::from_raw_fd(fd) }
}

#[test]
fn a_reused_number_starts_afresh() {
    run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        (&b).write_all(b"old").unwrap();
        let old = Watch::new(numbered(a)).unwrap();
        old.readable().unwrap();
        drop(old);
        let (c, _d) = UnixStream::pair().unwrap();
        let new = Watch::new(numbered(c)).unwrap();
        let ready = timeout(Duration::from_millis(10), || new.readable());
        assert_eq!(ready.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    });
}

#[test]
fn run_ends_with_a_registered_descriptor() {
    let kept = run(|| {
        let (a, b) = pair();
        (&a).write_all(b"x").unwrap();
        assert_eq!((&b).read(&mut [0; 8]).unwrap(), 1);
        (a, b)
    });
    // The same registration serves the next run, and the time without one.
    (&kept.1).write_all(b"y").unwrap();
    assert_eq!((&kept.0).read(&mut [0; 8]).unwrap(), 1);
    run(|| {
        (&kept.0).write_all(b"z").unwrap();
        assert_eq!((&kept.1).read(&mut [0; 8]).unwrap(), 1);
    });
}

#[test]
fn stuck_wires_are_found() {
    let mut stuck = Vec::new();
    let mut told = |info: wire_core::WireInfo| stuck.push(info.to_string());
    Runtime::new()
        .on_stuck(&mut told)
        .run(|| {
            sleep(Duration::from_millis(1)).unwrap();
            go(|| wire_core::suspend().unwrap_err()).detach();
        })
        .unwrap();
    assert_eq!(stuck, ["wire 'test' waits: suspend"]);
}

#[test]
fn a_sleeper_does_not_hold_up_others() {
    run(|| {
        let (_a, b) = pair();
        let b = Rc::new(b);
        let reader = go({
            let b = Rc::clone(&b);
            move || b.readable().is_err()
        });
        let start = Instant::now();
        for _ in 0..100_000 {
            yield_now();
        }
        assert!(start.elapsed() < Duration::from_secs(5));
        reader.cancel();
        assert!(reader.join().unwrap());
    });
}

#[test]
fn a_yield_loop_does_not_starve_descriptors() {
    run(|| {
        let (a, b) = pair();
        let reader = go(move || (&b).read(&mut [0; 8]).unwrap());
        yield_now();
        (&a).write_all(b"now").unwrap();
        let start = Instant::now();
        while !reader.is_finished() {
            yield_now();
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "the reader never got its turn"
            );
        }
    });
}

#[test]
fn one_that_is_always_ready_lets_others_run() {
    run(|| {
        let others = Rc::new(Cell::new(0));
        let counter = go({
            let others = Rc::clone(&others);
            move || {
                for _ in 0..4 {
                    others.set(others.get() + 1);
                    yield_now();
                }
            }
        });
        let (a, _b) = pair();
        for _ in 0..200 {
            (&a).write_all(b"x").unwrap();
        }
        assert!(
            others.get() >= 3,
            "only {} turns in 200 writes",
            others.get()
        );
        counter.join().unwrap();
    });
}

#[test]
fn a_regular_file_is_refused_with_a_hint() {
    let file = std::fs::File::open("Cargo.toml").unwrap();
    let error = Watch::new(file).unwrap_err();
    assert!(matches!(error, RegisterError::NotPollable));
    assert!(error.to_string().contains("wire-io"));
    assert_eq!(io::Error::from(error).raw_os_error(), Some(libc::EPERM));
}

#[test]
fn outside_a_wire_it_is_the_blocking_call() {
    let (a, b) = pair();
    let mut raw = a.into_inner();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        raw.write_all(b"late").unwrap();
    });
    assert_eq!((&b).read(&mut [0; 8]).unwrap(), 4);
    writer.join().unwrap();
}

#[test]
fn a_destructor_may_write_while_the_wire_unwinds() {
    struct Farewell(Watch<UnixStream>);
    impl Drop for Farewell {
        fn drop(&mut self) {
            (&self.0).write_all(b"farewell").unwrap();
        }
    }
    run(|| {
        let (a, b) = pair();
        let dying = go(move || {
            let _farewell = Farewell(a);
            wire_core::suspend().unwrap_or_else(|interrupt| interrupt.unwind());
        });
        yield_now();
        dying.cancel();
        assert!(dying.join().is_err());
        let mut buf = [0; 8];
        (&b).read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"farewell");
    });
}

#[test]
fn a_cancelled_reader_leaves_no_trace() {
    run(|| {
        let (a, b) = pair();
        scope(|_| {
            let b = &b;
            assert!(
                timeout(Duration::from_millis(1), || b.readable())
                    .unwrap()
                    .is_err()
            );
        });
        (&a).write_all(b"after").unwrap();
        assert_eq!((&b).read(&mut [0; 8]).unwrap(), 5);
    });
}

#[test]
fn bytes_behind_urgent_data_are_read() {
    run(|| {
        let (a, b) = tcp();
        let b = Watch::new(b).unwrap();
        (&a).write_all(b"abc").unwrap();
        // SAFETY: sends one byte from a local.
        let sent = unsafe { libc::send(a.as_raw_fd(), b"x".as_ptr().cast(), 1, libc::MSG_OOB) };
        assert_eq!(sent, 1);
        (&a).write_all(b"def").unwrap();
        sleep(Duration::from_millis(10)).unwrap();
        let mut all = [0; 6];
        timeout(Duration::from_secs(5), || (&b).read_exact(&mut all))
            .unwrap()
            .unwrap();
        assert_eq!(&all, b"abcdef");
    });
}

#[test]
fn a_cancelled_wire_is_told_by_an_error_and_loses_nothing() {
    run(|| {
        let (a, b) = pair();
        (&a).write_all(&[1; 200]).unwrap();
        let reader = go(move || {
            let mut count = 0;
            loop {
                match (&b).read(&mut [0]) {
                    Ok(n) => count += n,
                    Err(error) => return (count, error.raw_os_error(), b),
                }
            }
        });
        reader.cancel();
        // Cancelled before its first turn it would not run at all.
        assert!(reader.join().is_err());
        let (c, d) = pair();
        (&c).write_all(&[1; 200]).unwrap();
        let reader = go(move || {
            (&d).read_exact(&mut [0]).unwrap();
            wire_core::suspend().unwrap_err();
            let mut count = 1;
            loop {
                match (&d).read(&mut [0]) {
                    Ok(n) => count += n,
                    Err(error) => return (count, error.raw_os_error(), d),
                }
            }
        });
        sleep(Duration::from_millis(1)).unwrap();
        reader.cancel();
        let (count, error, d) = reader.join().unwrap();
        assert_eq!(error, Some(libc::ECANCELED));
        let mut rest = vec![0; 200 - count];
        (&d).read_exact(&mut rest).unwrap();
    });
}

#[test]
fn a_second_registration_of_one_descriptor_is_refused_and_hurts_nobody() {
    struct Shared(Rc<UnixStream>);
    impl std::os::fd::AsFd for Shared {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
    impl wire_fd::Pollable for Shared {}
    run(|| {
        let (mut a, b) = UnixStream::pair().unwrap();
        let b = Rc::new(b);
        let first = Watch::new(Shared(Rc::clone(&b))).unwrap();
        let reader = go(move || first.readable().is_ok());
        yield_now();
        assert!(matches!(
            Watch::new(Shared(b)),
            Err(RegisterError::Os(nix::errno::Errno::EEXIST))
        ));
        a.write_all(b"x").unwrap();
        assert!(reader.join().unwrap());
    });
}

#[test]
fn what_is_given_back_is_watched_no_more_and_can_be_watched_again() {
    run(|| {
        let (mut a, b) = UnixStream::pair().unwrap();
        let given_back = Watch::new(b).unwrap().into_inner();
        let again = Watch::new(given_back).unwrap();
        let reader = go(move || (&again).read(&mut [0; 8]).unwrap());
        yield_now();
        a.write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap(), 1);
    });
}
