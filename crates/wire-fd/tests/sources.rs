//! Readiness beside other things to wait for.
mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use common::go;
use wire_core::{run, yield_now};
use wire_fd::{Watch, sleep};

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
fn it_is_one_of_several_things_to_wait_for() {
    use wire_wait::{Either, Wakeup, wait_two};
    run(|| {
        // Over TCP, since only there a short read says that nothing is left.
        let (a, b) = tcp();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        let stop = Rc::new(Wakeup::new());
        let waiting = go({
            let stop = Rc::clone(&stop);
            move || {
                let first = wait_two(&b.to_read().unwrap(), &*stop).unwrap();
                let n = (&b).read(&mut [0; 8]).unwrap();
                (first, n, wait_two(&b.to_read().unwrap(), &*stop).unwrap())
            }
        });
        sleep(Duration::from_millis(1)).unwrap();
        (&a).write_all(b"data").unwrap();
        sleep(Duration::from_millis(1)).unwrap();
        assert!(!waiting.is_finished());
        stop.resume();
        assert_eq!(
            waiting.join().unwrap(),
            (Either::First(()), 4, Either::Second(()))
        );
    });
}

#[test]
fn a_source_that_panics_does_not_end_the_waits_of_others() {
    use wire_wait::{Source, on, wait_any};
    struct Bad<'a>(wire_fd::Ready<'a>);
    impl Source for Bad<'_> {
        type Item = ();
        fn try_take(&self) -> Option<()> {
            self.0.try_take().map(|()| panic!("in try_take"))
        }
        fn queue(&self) -> &wire_core::WaitQueue {
            self.0.queue()
        }
    }
    run(|| {
        let (a, b) = pair();
        let bad = go(move || {
            let bad = Bad(b.to_read().unwrap());
            wait_any(&[&on(&bad, |()| ())])
        });
        yield_now();
        (&a).write_all(b"x").unwrap();
        sleep(Duration::from_millis(2)).unwrap();
        assert!(bad.join().is_err(), "it panics in its own wire in the end");
        sleep(Duration::from_millis(1)).unwrap();
    });
}

#[test]
fn readiness_asked_for_in_one_run_may_be_waited_for_in_the_next() {
    let (mut a, b) = UnixStream::pair().unwrap();
    let b = Watch::new(b).unwrap();
    let ready = run(|| {
        sleep(Duration::from_millis(1)).unwrap();
        b.to_read().unwrap()
    });
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(10));
        a.write_all(b"x").unwrap();
        a
    });
    assert_eq!(run(|| wire_wait::wait(&ready)), Ok(()));
    writer.join().unwrap();
}

#[test]
fn one_that_nobody_waits_for_does_not_hide_that_all_are_stuck() {
    let mut stuck = 0;
    let mut told = |_| stuck += 1;
    let (_a, b) = UnixStream::pair().unwrap();
    wire_core::Runtime::new()
        .on_stuck(&mut told)
        .run(|| {
            let b = Watch::new(b).unwrap();
            let (read, write) = (b.to_read().unwrap(), b.to_write().unwrap());
            let waited = wire_wait::wait_two(&read, &write);
            assert_eq!(waited, Ok(wire_wait::Either::Second(())));
            sleep(Duration::from_millis(1)).unwrap();
            wire_core::suspend().unwrap_err();
            drop((read, write));
        })
        .unwrap();
    assert_eq!(stuck, 1);
}
