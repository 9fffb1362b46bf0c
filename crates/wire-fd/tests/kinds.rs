//! Each kind of descriptor that can be waited for, and what the kernel has of its own: signals, children.
mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use common::go;
use wire_core::{Interrupt, run, yield_now};
use wire_fd::{Exit, Interval, Signal, Signals, Watch, sleep, timeout, wait_child};
use wire_wait::{Either, Wakeup, wait, wait_two};

const MS: Duration = Duration::from_millis(1);

/// Waits with `wait` in one wire until `make_ready` was called in another.
fn waits_until(
    wait: impl FnOnce() -> std::io::Result<()> + 'static,
    make_ready: impl FnOnce() + 'static,
) {
    let waiting = go(wait);
    sleep(MS).unwrap();
    assert!(!waiting.is_finished());
    make_ready();
    let waited = timeout(Duration::from_secs(20), || waiting.join());
    waited.unwrap().unwrap().unwrap();
}

/// What a call gave, if it is a descriptor.
fn owned(fd: libc::c_int) -> OwnedFd {
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: just made by the caller, and owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

#[test]
fn pipes() {
    run(|| {
        let (reader, writer) = std::io::pipe().unwrap();
        let reader = Watch::new(reader).unwrap();
        let end = Rc::new(std::cell::Cell::new(Some(writer)));
        let kept = Rc::clone(&end);
        let read = move || (&reader).read(&mut [0; 4]).map(|n| assert_eq!(n, 2));
        waits_until(read, move || {
            let mut writer = end.take().unwrap();
            writer.write_all(b"hi").unwrap();
            end.set(Some(writer));
        });
        drop(kept.take());
    });
}

#[test]
fn datagrams_and_listeners() {
    run(|| {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = udp.local_addr().unwrap();
        let udp = Watch::new(udp).unwrap();
        let recv = move || udp.read_with(|udp| udp.recv(&mut [0; 4]).map(drop));
        waits_until(recv, move || {
            let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
            sender.send_to(b"hi", addr).unwrap();
        });
        let (a, b) = UnixDatagram::pair().unwrap();
        let b = Watch::new(b).unwrap();
        let recv = move || b.read_with(|b| b.recv(&mut [0; 4]).map(drop));
        waits_until(recv, move || assert_eq!(a.send(b"hi").unwrap(), 2));
        let dir = std::env::temp_dir().join(format!("wire-fd-{}", std::process::id()));
        let _ = std::fs::remove_file(&dir);
        let listener = Watch::new(UnixListener::bind(&dir).unwrap()).unwrap();
        let path = dir.clone();
        let accept = move || listener.read_with(|l| l.accept().map(drop));
        waits_until(accept, move || drop(UnixStream::connect(path).unwrap()));
        std::fs::remove_file(dir).unwrap();
    });
}

#[test]
fn terminals() {
    run(|| {
        let (mut master, mut slave) = (-1, -1);
        let null = std::ptr::null_mut();
        // SAFETY: writes two descriptors to locals; the rest may be null.
        let made = unsafe {
            libc::openpty(
                &raw mut master,
                &raw mut slave,
                null,
                null.cast(),
                null.cast(),
            )
        };
        assert_eq!(made, 0);
        let (mut master, slave) = (File::from(owned(master)), File::from(owned(slave)));
        let keyboard = Watch::new(slave).unwrap();
        let line = move || {
            let mut line = [0; 16];
            let n = (&keyboard).read(&mut line)?;
            assert_eq!(&line[..n], b"typed\n");
            Ok(())
        };
        waits_until(line, move || {
            master.write_all(b"typed\n").unwrap();
            std::mem::forget(master); // its end would be a hang-up
        });
    });
}

#[test]
fn event_counters() {
    use nix::sys::eventfd::EventFd;
    run(|| {
        let watch = Watch::new(EventFd::new().unwrap()).unwrap();
        let watch: &'static Watch<EventFd> = Box::leak(Box::new(watch));
        let read = || {
            let count = watch.read_with(|event| event.read().map_err(Into::into))?;
            assert_eq!(count, 3);
            Ok(())
        };
        waits_until(read, || assert_eq!(watch.get_ref().write(3), Ok(8)));
    });
}

#[test]
fn changes_of_files() {
    run(|| {
        let dir = std::env::temp_dir().join(format!("wire-fd-notify-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        // SAFETY: takes a number.
        let inotify = owned(unsafe { libc::inotify_init1(libc::IN_CLOEXEC) });
        let name = std::ffi::CString::new(dir.to_str().unwrap()).unwrap();
        // SAFETY: an open descriptor and a name that ends.
        let added =
            unsafe { libc::inotify_add_watch(inotify.as_raw_fd(), name.as_ptr(), libc::IN_CREATE) };
        assert!(added >= 0);
        let watch = Watch::new(File::from(inotify)).unwrap();
        let file = dir.join("new");
        let read = move || (&watch).read(&mut [0; 512]).map(|n| assert!(n > 0));
        waits_until(read, move || drop(File::create(file).unwrap()));
        std::fs::remove_dir_all(dir).unwrap();
    });
}

#[test]
fn a_child_is_awaited_and_no_other_is_reaped() {
    run(|| {
        let mut other = Command::new("true").spawn().unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let beside = go(|| {
            for _ in 0..10 {
                yield_now();
            }
        });
        // Its end of input is closed, or it would never end.
        let status = timeout(Duration::from_secs(20), || wait_child(&mut child));
        assert!(status.unwrap().unwrap().success());
        assert!(wait_child(&mut child).unwrap().success(), "and once more");
        beside.join().unwrap();
        assert!(other.wait().unwrap().success());
    });
}

#[test]
fn the_end_of_a_child_is_one_of_several_things_to_wait_for() {
    run(|| {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let late = timeout(MS, || wait_child(&mut child)).unwrap();
        assert_eq!(late.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        let exit = Exit::of(&child).unwrap();
        let stop = Wakeup::new();
        stop.resume();
        let first = wait_two(&exit.to_wait().unwrap(), &stop);
        assert_eq!(first, Ok(Either::Second(())));
        child.kill().unwrap();
        stop.reset();
        let first = wait_two(&exit.to_wait().unwrap(), &stop);
        assert_eq!(first, Ok(Either::First(())));
        use std::os::unix::process::ExitStatusExt;
        let status = wait_child(&mut child).unwrap();
        assert_eq!(status.signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn the_end_of_a_child_is_told_by_a_signal_too() {
    // In a thread of its own, since the others of this program do not block it.
    run(|| {
        let signals = Signals::new(&[Signal::SIGCHLD]).unwrap();
        // SAFETY: sends a blocked signal to this thread, as the kernel would to the process.
        unsafe { libc::raise(libc::SIGCHLD) };
        assert_eq!(signals.wait().unwrap(), Signal::SIGCHLD);
    });
}

#[test]
fn each_signal_goes_to_one_of_those_who_wait_alone_or_beside_other_things() {
    run(|| {
        let set = [Signal::SIGUSR1, Signal::SIGWINCH, Signal::SIGURG];
        let signals: &'static Signals = Box::leak(Box::new(Signals::new(&set).unwrap()));
        let plain = go(|| signals.wait().unwrap());
        let as_source = go(|| wait(signals).unwrap().unwrap());
        let beside = go(|| {
            let never = Wakeup::new();
            match wait_two(signals, &never).unwrap() {
                Either::First(signal) => signal.unwrap(),
                Either::Second(()) => unreachable!("nobody triggers it"),
            }
        });
        sleep(MS).unwrap();
        for signal in set {
            // SAFETY: sends a blocked signal to this thread.
            unsafe { libc::raise(signal as libc::c_int) };
        }
        let mut got = [plain, as_source, beside].map(|wire| wire.join().unwrap());
        got.sort_unstable();
        let mut sent = set;
        sent.sort_unstable();
        assert_eq!(got, sent);
        let late = timeout(MS, || wait(signals).map(drop));
        assert_eq!(late, Ok(Err(Interrupt::DeadlinePassed)), "none is left");
    });
}

#[test]
fn an_interval_keeps_its_beat_and_counts_what_was_missed() {
    run(|| {
        let start = std::time::Instant::now();
        let mut beat = Interval::new(5 * MS);
        let first = beat.tick().unwrap();
        assert!(start.elapsed() >= 5 * MS);
        // Late by two or more.
        std::thread::sleep(17 * MS);
        let late = beat.tick().unwrap();
        assert!(late >= 2, "{late}");
        let ticks = first + late + beat.tick().unwrap();
        assert!(
            start.elapsed() >= 5 * MS * ticks as u32,
            "no tick comes early"
        );
        let cut = timeout(MS, || Interval::new(Duration::from_secs(60)).tick());
        assert_eq!(cut, Ok(Err(Interrupt::DeadlinePassed)));
        let never = timeout(MS, || Interval::new(Duration::MAX).tick());
        assert_eq!(never, Ok(Err(Interrupt::DeadlinePassed)));
    });
}

#[test]
fn an_interval_that_is_always_late_lets_others_run() {
    run(|| {
        let other = go(|| ());
        let mut beat = Interval::new(Duration::from_nanos(1));
        while !other.is_finished() {
            beat.tick().unwrap();
        }
    });
}
