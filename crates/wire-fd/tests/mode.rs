//! Waiting by mode: level semantics.
mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use common::go;
use wire_core::{Runtime, run, yield_now};
use wire_fd::{Mode, RegisterError, Watch, sleep, timeout};
use wire_wait::{Either, Wakeup, wait_two};

const MS: Duration = Duration::from_millis(1);

fn times_out(mode: &Mode<'_>) -> bool {
    let waited = timeout(5 * MS, || mode.wait()).unwrap();
    matches!(waited, Err(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

#[test]
fn it_is_ready_until_what_was_there_is_read_by_whomever() {
    let (mut a, mut b) = UnixStream::pair().unwrap();
    let mut copy = b.try_clone().unwrap();
    run(|| {
        a.write_all(b"four").unwrap();
        let other = b.try_clone().unwrap();
        let mode = Mode::new(&other).unwrap();
        mode.read();
        mode.wait().unwrap();
        mode.wait().unwrap();
        b.read_exact(&mut [0; 2]).unwrap();
        mode.wait().unwrap();
        copy.read_exact(&mut [0; 2]).unwrap();
        assert!(times_out(&mode), "nothing is left");
        a.write_all(b"x").unwrap();
        mode.wait().unwrap();
        b.read_exact(&mut [0]).unwrap();
        drop(a);
        mode.wait().unwrap();
        mode.wait().unwrap();
    });
}

#[test]
fn the_mode_says_what_is_waited_for() {
    let (a, b) = UnixStream::pair().unwrap();
    run(|| {
        let mode = Mode::new(&b).unwrap();
        assert!(times_out(&mode), "nothing was asked for");
        mode.write();
        mode.wait().unwrap();
        mode.read();
        assert!(times_out(&mode), "it can be written, not read");
        mode.write();
        mode.wait().unwrap();
        mode.none();
        assert!(times_out(&mode));
        drop(a);
        assert!(times_out(&mode), "not even for the end");
        mode.read();
        mode.wait().unwrap();
    });
}

#[test]
fn a_full_pipe_is_ready_for_writing_when_somebody_has_read() {
    run(|| {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let writer = Watch::new(writer).unwrap();
        let chunk = [1; 4096];
        let filled = timeout(5 * MS, || -> usize {
            let mut sum = 0;
            while let Ok(n) = (&writer).write(&chunk) {
                sum += n;
            }
            sum
        });
        let mode = writer.mode();
        mode.write();
        assert!(times_out(&mode));
        reader.read_exact(&mut vec![0; filled.unwrap()]).unwrap();
        mode.wait().unwrap();
        mode.wait().unwrap();
    });
}

#[test]
fn who_waits_follows_a_change_of_the_mode() {
    let (_a, b) = UnixStream::pair().unwrap();
    let b: &'static UnixStream = Box::leak(Box::new(b));
    run(|| {
        let mode = Rc::new(Mode::new(b).unwrap());
        for before in [Mode::none, Mode::read] {
            before(&mode);
            let waiting = go({
                let mode = Rc::clone(&mode);
                move || mode.wait()
            });
            yield_now();
            mode.write();
            assert!(waiting.join().unwrap().is_ok());
        }
    });
}

#[test]
fn it_is_one_of_several_things_to_wait_for() {
    let (mut a, mut b) = UnixStream::pair().unwrap();
    let other = b.try_clone().unwrap();
    let other: &'static UnixStream = Box::leak(Box::new(other));
    run(|| {
        let stop = Rc::new(Wakeup::new());
        let mode = Rc::new(Mode::new(other).unwrap());
        let waiting = go({
            let (stop, mode) = (Rc::clone(&stop), Rc::clone(&mode));
            move || {
                let first = wait_two(&*mode, &*stop).unwrap();
                b.read_exact(&mut [0]).unwrap();
                (first, wait_two(&*mode, &*stop).unwrap())
            }
        });
        yield_now();
        mode.read();
        sleep(MS).unwrap();
        a.write_all(b"x").unwrap();
        sleep(MS).unwrap();
        assert!(!waiting.is_finished());
        stop.resume();
        let seen = waiting.join().unwrap();
        assert_eq!(seen, (Either::First(()), Either::Second(())));
    });
}

#[test]
fn who_waits_for_nothing_is_found_stuck() {
    let (_a, b) = UnixStream::pair().unwrap();
    let mut stuck = 0;
    let mut told = |_| stuck += 1;
    let ended = Runtime::new().on_stuck(&mut told).run(|| {
        let mode = Mode::new(&b).unwrap();
        let error = mode.wait().unwrap_err().raw_os_error();
        let stop = Wakeup::new();
        (error, wait_two(&mode, &stop).is_err())
    });
    assert_eq!(ended, Ok((Some(libc::ECANCELED), true)));
    assert!(stuck >= 1);
}

#[test]
fn one_that_is_watched_already_is_refused_and_told_what_to_do() {
    let (_a, b) = UnixStream::pair().unwrap();
    let first = Mode::new(&b).unwrap();
    let error = Mode::new(&b).unwrap_err();
    assert!(error.to_string().contains("share that `Watch`"), "{error}");
    drop(first);
    drop(Mode::new(&b).unwrap());
    let file = std::fs::File::open("Cargo.toml").unwrap();
    assert!(matches!(Mode::new(&file), Err(RegisterError::NotPollable)));
}

#[test]
fn closing_the_watch_ends_it() {
    run(|| {
        let (_a, b) = UnixStream::pair().unwrap();
        let watch: &'static Watch<_> = Box::leak(Box::new(Watch::new(b).unwrap()));
        let waiting = go(|| {
            let mode = watch.mode();
            mode.read();
            mode.wait().unwrap_err().raw_os_error()
        });
        yield_now();
        watch.close();
        assert_eq!(waiting.join().unwrap(), Some(libc::EBADF));
    });
}

#[test]
fn outside_a_wire_it_is_poll() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let mode = Mode::new(&b).unwrap();
    mode.write();
    mode.wait().unwrap();
    mode.read();
    a.write_all(b"x").unwrap();
    mode.wait().unwrap();
}
