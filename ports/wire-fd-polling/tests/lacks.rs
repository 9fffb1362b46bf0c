//! What it does instead of what it lacks.

use std::time::Duration;

use wire_fd::wire_core::run;
use wire_fd::{RegisterError, Signal, Signals, timeout};

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
fn sets_that_come_and_go_use_the_same_pipes() {
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
