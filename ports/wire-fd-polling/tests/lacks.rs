//! What it does instead of what it lacks.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wire_fd::wire_core::run;
use wire_fd::{RegisterError, Signal, Signals, timeout};

/// How many of these it takes to hit any moment.
const ROUNDS: u32 = 2_000;

fn send(signal: Signal) {
    // SAFETY: sends a signal, which is received, to this thread.
    assert_eq!(unsafe { libc::raise(signal as libc::c_int) }, 0);
}

/// The address of the handler in force.
fn handler_of(signal: Signal) -> usize {
    // SAFETY: it only asks, and zeroes are an action.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal as libc::c_int, std::ptr::null(), &raw mut now);
        now.sa_sigaction
    }
}

#[test]
fn each_set_receives_a_signal_that_several_want() {
    run(|| {
        let sets = [(); 2].map(|()| Signals::new(&[Signal::SIGUSR1]).unwrap());
        send(Signal::SIGUSR1);
        for set in &sets {
            assert_eq!(set.wait().unwrap(), Signal::SIGUSR1);
        }
    });
}

#[test]
fn a_signal_that_another_thread_takes_reaches_the_wires() {
    run(|| {
        let signals = Signals::new(&[Signal::SIGUSR2]).unwrap();
        std::thread::spawn(|| send(Signal::SIGUSR2)).join().unwrap();
        assert_eq!(signals.wait().unwrap(), Signal::SIGUSR2);
    });
}

#[test]
fn what_was_to_become_of_a_signal_before_comes_back() {
    extern "C" fn theirs(_: libc::c_int) {}
    let theirs = theirs as extern "C" fn(libc::c_int) as usize;
    assert_eq!(handler_of(Signal::SIGWINCH), libc::SIG_DFL);
    let [first, second] = [(); 2].map(|()| Signals::new(&[Signal::SIGWINCH]).unwrap());
    drop(first);
    assert_ne!(handler_of(Signal::SIGWINCH), libc::SIG_DFL);
    drop(second);
    assert_eq!(handler_of(Signal::SIGWINCH), libc::SIG_DFL);

    // One that came after us stays.
    let signals = Signals::new(&[Signal::SIGWINCH]).unwrap();
    // SAFETY: a handler that does nothing.
    unsafe { libc::signal(libc::SIGWINCH, theirs) };
    drop(signals);
    assert_eq!(handler_of(Signal::SIGWINCH), theirs);
}

#[test]
fn one_that_was_blocked_is_received_and_blocked_again() {
    use nix::sys::signal::SigSet;
    let blocked = || SigSet::thread_get_mask().unwrap().contains(Signal::SIGURG);
    let mut only = SigSet::empty();
    only.add(Signal::SIGURG);
    only.thread_block().unwrap();
    run(|| {
        let first = Signals::new(&[Signal::SIGURG]).unwrap();
        let second = Signals::new(&[Signal::SIGURG]).unwrap();
        assert!(!blocked());
        drop(first);
        assert!(!blocked());
        send(Signal::SIGURG);
        assert_eq!(second.wait().unwrap(), Signal::SIGURG);
    });
    assert!(blocked());
}

#[test]
fn a_set_does_not_receive_what_the_one_before_it_left() {
    run(|| {
        for _ in 0..3 {
            let signals = Signals::new(&[Signal::SIGALRM]).unwrap();
            let nothing = timeout(Duration::from_millis(5), || signals.wait()).unwrap();
            assert!(nothing.is_err());
            send(Signal::SIGALRM);
        }
    });
}

#[test]
fn sets_that_come_and_go_leave_no_pipe() {
    let open = || (0..1024).filter(|&fd| is_open(fd)).count();
    run(|| {
        let before = open();
        for _ in 0..50 {
            Signals::new(&[Signal::SIGALRM]).unwrap();
        }
        // Those of other tests come and go as well.
        assert!(open() < before + 50, "{} descriptors more", open() - before);
    });
}

struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_signal_does_not_go_to_the_file_that_has_the_pipes_number_next() {
    let over = AtomicBool::new(false);
    // Its handler stays, whatever becomes of the other sets.
    let one = run(|| Signals::new(&[Signal::SIGPROF]).unwrap());
    std::thread::scope(|s| {
        // More than processors, so that a handler is stopped on the way now and then.
        for _ in 0..2 + std::thread::available_parallelism().map_or(1, usize::from) {
            s.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    send(Signal::SIGPROF);
                }
            });
        }
        // Also if it fails.
        let _stops = Stops(&over);
        run(|| {
            // Kept for a while: the handler that was stopped goes on some milliseconds later.
            let mut next = VecDeque::new();
            for _ in 0..ROUNDS {
                let set = Signals::new(&[Signal::SIGPROF]).unwrap();
                std::thread::yield_now();
                drop(set);
                // Numbers are given out lowest first.
                next.push_back(UnixStream::pair().unwrap());
                if next.len() > 100 {
                    let (a, b) = next.pop_front().unwrap();
                    for mut end in [&a, &b] {
                        end.set_nonblocking(true).unwrap();
                        let read = end.read(&mut [0; 8]);
                        assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
                    }
                }
            }
        });
    });
    run(|| drop(one));
}

fn is_open(fd: i32) -> bool {
    // SAFETY: only asks.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

#[test]
fn a_fault_is_not_to_be_received_and_what_came_with_it_is_given_back() {
    for fatal in [Signal::SIGSEGV, Signal::SIGKILL] {
        let refused = Signals::new(&[Signal::SIGHUP, fatal]).unwrap_err();
        assert!(matches!(
            refused,
            RegisterError::Os(nix::errno::Errno::EINVAL)
        ));
        assert_eq!(handler_of(Signal::SIGHUP), libc::SIG_DFL);
    }
}
