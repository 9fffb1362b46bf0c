//! Which poller it is, and what only some of them make difficult.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use wire_fd::wire_core::{Interrupt, Runtime, Wire, block_on, run, scope, suspend, yield_now};
use wire_fd::{Mode, Pollable, RegisterError, Watch, sleep, timeout};
use wire_stack::Arena;

const MS: Duration = Duration::from_millis(1);

/// Runs `f` in a wire beside the calling one.
fn beside<T>(f: impl FnOnce() -> T, meanwhile: impl FnOnce()) -> T {
    let arena = Arena::builder().stack_size(256 * 1024).build().unwrap();
    let wire = Wire::new();
    scope(|s| {
        let handle = s.spawn(&wire, arena.stack().unwrap(), "beside", f).unwrap();
        meanwhile();
        handle.join().unwrap()
    })
}

/// The two ends of a TCP connection.
fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (a, listener.accept().unwrap().0)
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes a local.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What a variant is called is what it is: without epoll there is nothing but poll(2) on Linux.
#[cfg(target_os = "linux")]
#[test]
fn the_poller_is_the_one_that_was_asked_for() {
    run(|| sleep(MS)).unwrap();
    let epolls = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|link| link.to_string_lossy() == "anon_inode:[eventpoll]")
        .count();
    assert_eq!(epolls > 0, cfg!(not(polling_test_poll_backend)), "{epolls}");
}

#[test]
fn a_broken_connection_that_nobody_waits_for_lets_the_thread_sleep() {
    run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        let (c, d) = tcp();
        let watched = (Watch::new(a).unwrap(), Watch::new(c).unwrap());
        drop(b);
        d.shutdown(Shutdown::Both).unwrap();
        watched.1.get_ref().shutdown(Shutdown::Both).unwrap();
        sleep(10 * MS).unwrap();
        let before = cpu();
        sleep(300 * MS).unwrap();
        let spent = cpu() - before;
        assert!(spent < 100 * MS, "busy for {spent:?} of 300 ms");
        // It is not forgotten, though.
        assert_eq!((&watched.0).read(&mut [0]).unwrap(), 0);
        assert_eq!((&watched.1).read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn after_an_error_was_told_the_next_wait_is_a_wait() {
    // An unconnected peer's refusal is an error that a read takes away.
    let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    run(|| {
        let socket = Watch::new(socket).unwrap();
        socket.get_ref().send(b"anybody there?").unwrap();
        let receive = || socket.read_with(|socket| socket.recv(&mut [0; 8]));
        let refused = timeout(Duration::from_secs(10), receive).unwrap();
        assert_eq!(
            refused.unwrap_err().kind(),
            std::io::ErrorKind::ConnectionRefused
        );
        let nothing = timeout(10 * MS, receive).unwrap();
        assert_eq!(nothing.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        let back = std::net::UdpSocket::bind(address).unwrap();
        let own = socket.get_ref().local_addr().unwrap();
        let received = beside(
            || timeout(Duration::from_secs(10), receive),
            || {
                yield_now();
                back.send_to(b"here", own).unwrap();
            },
        );
        assert_eq!(received.unwrap().unwrap(), 4);
    });
}

#[test]
fn an_answer_to_the_writer_leaves_the_reader_waiting_and_heard() {
    run(|| {
        let (a, b) = tcp();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        let read = beside(
            || {
                let mut byte = [0];
                timeout(Duration::from_secs(10), || (&a).read_exact(&mut byte)).unwrap()
            },
            || {
                yield_now();
                // Until the kernel takes no more, so that a writer waits on the same end; then make room.
                let all = vec![7; 16 << 20];
                beside(
                    || timeout(Duration::from_secs(10), || (&a).write_all(&all)).unwrap(),
                    || {
                        yield_now();
                        (&b).read_exact(&mut vec![0; all.len()]).unwrap();
                    },
                )
                .unwrap();
                (&b).write_all(b"x").unwrap();
            },
        );
        read.unwrap();
    });
}

#[test]
fn one_of_several_things_to_wait_for_is_asked_about_each_time() {
    run(|| {
        let (a, b) = tcp();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        for _ in 0..3 {
            let read = beside(
                || {
                    let ready = b.to_read().unwrap();
                    let wait = || wire_wait::wait(&ready);
                    timeout(Duration::from_secs(10), wait).unwrap().unwrap();
                    (&b).read(&mut [0; 8]).unwrap()
                },
                || {
                    yield_now();
                    (&a).write_all(b"word").unwrap();
                },
            );
            assert_eq!(read, 4);
        }
    });
}

#[test]
fn a_mode_is_asked_about_each_time() {
    let (mut a, mut b) = UnixStream::pair().unwrap();
    let watched = b.try_clone().unwrap();
    run(|| {
        let mode = Mode::new(&watched).unwrap();
        mode.read();
        for round in 0..6 {
            beside(
                || {
                    let wait = || match round % 2 {
                        0 => mode.wait().unwrap(),
                        _ => wire_wait::wait(&mode).unwrap(),
                    };
                    timeout(Duration::from_secs(10), wait).unwrap();
                    b.read_exact(&mut [0]).unwrap();
                },
                || {
                    yield_now();
                    a.write_all(b"x").unwrap();
                },
            );
        }
    });
}

#[test]
fn a_wait_for_several_things_that_is_over_does_not_hide_that_all_are_stuck() {
    let mut stuck = 0;
    let mut told = |_| stuck += 1;
    let (_a, b) = UnixStream::pair().unwrap();
    let ended = Runtime::new().on_stuck(&mut told).run(|| {
        let b = Watch::new(b).unwrap();
        let ready = b.to_read().unwrap();
        let late = timeout(MS, || wire_wait::wait(&ready)).unwrap();
        assert_eq!(late, Err(Interrupt::DeadlinePassed));
        suspend()
    });
    assert_eq!(ended, Ok(Err(Interrupt::Cancelled)));
    assert_eq!(stuck, 1);
}

/// How many of these it takes to hit any moment.
const ROUNDS: u32 = 50_000;

#[test]
fn a_bell_may_ring_at_any_moment() {
    // A bell is rung when the thread says it may sleep, which is when it is about to ask the poller.
    run(|| {
        let waiting = Arc::new(Mutex::new(None::<Waker>));
        let theirs = Arc::clone(&waiting);
        let ringing = std::thread::spawn(move || {
            let mut rung = 0;
            while rung < ROUNDS {
                match theirs.lock().unwrap().take() {
                    Some(waker) => {
                        // A little later each time: it sweeps over what the thread does meanwhile.
                        (0..rung % 500).for_each(|_| std::hint::spin_loop());
                        waker.wake();
                        rung += 1;
                    }
                    None => std::thread::yield_now(),
                }
            }
        });
        let round = || {
            let mut asked = false;
            let rung = poll_fn(|cx| {
                if asked {
                    return Poll::Ready(());
                }
                asked = true;
                *waiting.lock().unwrap() = Some(cx.waker().clone());
                Poll::Pending
            });
            block_on(rung).unwrap();
        };
        let (a, b) = tcp();
        let b = Watch::new(b).unwrap();
        // Meanwhile somebody waits in the poller, and is heard in the end.
        let heard = beside(
            || timeout(Duration::from_secs(60), || b.readable()).unwrap(),
            || {
                yield_now();
                timeout(Duration::from_secs(50), || {
                    (0..ROUNDS).for_each(|_| round())
                })
                .unwrap();
                (&a).write_all(b"x").unwrap();
            },
        );
        heard.unwrap();
        ringing.join().unwrap();
    });
}

/// A descriptor that somebody else may close.
#[derive(Debug)]
struct Number(RawFd);

impl Number {
    /// Duplicates one to a number that no other test uses.
    fn of(fd: impl AsFd, lowest: RawFd) -> Number {
        // SAFETY: duplicates an open descriptor.
        let number = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) };
        assert_eq!(number, lowest);
        Number(number)
    }

    fn read(&self) -> std::io::Result<usize> {
        let mut byte = 0_u8;
        // SAFETY: reads one byte into a local.
        let n = unsafe { libc::read(self.0, (&raw mut byte).cast(), 1) };
        usize::try_from(n).map_err(|_| std::io::Error::last_os_error())
    }

    fn close(&self) {
        // SAFETY: made here, and owned by nobody else.
        assert_eq!(unsafe { libc::close(self.0) }, 0);
    }
}

impl AsFd for Number {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: not so, in the end; that is what the tests are about.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

impl Pollable for Number {}

#[test]
fn one_closed_behind_its_owners_back_lets_the_thread_sleep() {
    run(|| {
        let (a, _b) = UnixStream::pair().unwrap();
        let stale = Watch::new(Number::of(&a, 930)).unwrap();
        let before = cpu();
        let read = beside(
            || timeout(300 * MS, || stale.read_with(Number::read)),
            || {
                yield_now();
                stale.get_ref().close();
            },
        );
        assert!(read.unwrap().is_err());
        sleep(300 * MS).unwrap();
        let spent = cpu() - before;
        assert!(spent < 100 * MS, "busy for {spent:?} of 600 ms");
    });
}

#[test]
fn its_number_may_be_registered_when_its_owner_is_gone() {
    run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        let stale = Watch::new(Number::of(&a, 940)).unwrap();
        stale.get_ref().close();
        let refused = Watch::new(Number::of(&a, 940)).unwrap_err();
        assert!(matches!(
            refused,
            RegisterError::Os(nix::errno::Errno::EEXIST)
        ));
        drop(stale);
        let fresh = Watch::new(Number(940)).unwrap();
        let read = beside(
            || timeout(Duration::from_secs(10), || fresh.readable()),
            || {
                yield_now();
                (&b).write_all(b"x").unwrap();
            },
        );
        read.unwrap().unwrap();
        fresh.into_inner().close();
    });
}

#[test]
fn an_event_of_a_file_that_lost_its_number_is_not_the_next_ones() {
    run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        let stale = Watch::new(Number::of(&a, 950)).unwrap();
        // The file is still open under another number, so epoll keeps it and cannot be told to forget it.
        stale.get_ref().close();
        drop(stale);
        let (c, _d) = UnixStream::pair().unwrap();
        let fresh = Watch::new(Number::of(&c, 950)).unwrap();
        (&b).write_all(b"x").unwrap();
        let ready = timeout(10 * MS, || fresh.readable()).unwrap();
        assert_eq!(ready.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        fresh.into_inner().close();
    });
}

#[test]
fn a_number_that_another_file_has_now_ends_the_waits_for_the_one_before() {
    run(|| {
        let (a, _b) = UnixStream::pair().unwrap();
        let stale = Watch::new(Number::of(&a, 960)).unwrap();
        let (c, d) = UnixStream::pair().unwrap();
        let mut fresh = None;
        let ended = beside(
            || timeout(Duration::from_secs(10), || stale.readable()).unwrap(),
            || {
                yield_now();
                stale.get_ref().close();
                fresh = Some(Watch::new(Number::of(&c, 960)).unwrap());
            },
        );
        let fresh = fresh.unwrap();
        let fault = ended.unwrap_err().raw_os_error();
        assert!(fault == Some(libc::EBADF), "{fault:?}");
        // Nor can the old owner do anything to the new one.
        stale.close();
        drop(stale);
        let ready = beside(
            || timeout(Duration::from_secs(10), || fresh.readable()).unwrap(),
            || {
                yield_now();
                (&d).write_all(b"x").unwrap();
            },
        );
        ready.unwrap();
        fresh.into_inner().close();
    });
}
