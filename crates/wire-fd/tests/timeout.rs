//! Timeouts that are waited for beside other things.
mod common;

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::go;
use wire_core::{Interrupt, Runtime, run, suspend, yield_now};
use wire_fd::{Timeout, sleep, timeout};
use wire_wait::{Either, Source, Wakeup, wait_two};

const MS: Duration = Duration::from_millis(1);

#[test]
fn it_passes_once_and_stays_so_until_reset() {
    run(|| {
        let t = pin!(Timeout::new());
        let t = t.as_ref();
        assert!(!t.is_running() && !t.has_passed());
        let start = Instant::now();
        t.reset(2 * MS).unwrap();
        assert!(t.is_running());
        t.wait().unwrap();
        assert!(start.elapsed() >= 2 * MS);
        assert!(t.has_passed() && !t.is_running());
        t.wait().unwrap();
        t.reset(Duration::from_secs(60)).unwrap();
        assert!(!t.has_passed() && t.is_running());
        assert_eq!(t.try_take(), None);
        t.stop();
        assert!(!t.has_passed() && !t.is_running());
    });
}

#[test]
fn a_reset_moves_it_either_way() {
    run(|| {
        let t = pin!(Timeout::new());
        let t = t.as_ref();
        let start = Instant::now();
        t.reset(2 * MS).unwrap();
        t.reset(20 * MS).unwrap();
        t.wait().unwrap();
        assert!(start.elapsed() >= 20 * MS, "later");
        t.reset(Duration::from_secs(3600)).unwrap();
        t.reset_until(Instant::now() + MS).unwrap();
        t.wait().unwrap();
        assert!(start.elapsed() < Duration::from_secs(60), "sooner");
        t.reset(Duration::from_secs(3600)).unwrap();
        t.reset_until(start).unwrap();
        assert!(t.has_passed(), "the past is now");
    });
}

#[test]
fn a_reset_while_somebody_waits_counts_for_that_wait() {
    run(|| {
        let t: Pin<Rc<Timeout>> = Rc::pin(Timeout::new());
        t.as_ref().reset(Duration::from_secs(3600)).unwrap();
        let waiting = go({
            let t = t.clone();
            move || t.wait()
        });
        yield_now();
        t.as_ref().reset(2 * MS).unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(()));
        t.as_ref().reset(MS).unwrap();
        t.stop();
        let never = timeout(10 * MS, || t.wait());
        assert_eq!(never, Ok(Err(Interrupt::DeadlinePassed)), "a stopped one");
    });
}

#[test]
fn several_run_beside_a_deadline_and_each_other() {
    run(|| {
        let (short, long) = (pin!(Timeout::new()), pin!(Timeout::new()));
        let (short, long) = (short.as_ref(), long.as_ref());
        let in_time = timeout(Duration::from_secs(60), || {
            long.reset(20 * MS).unwrap();
            short.reset(2 * MS).unwrap();
            let first = wait_two(&*long, &*short);
            short.stop();
            (first, wait_two(&*short, &*long), sleep(MS))
        });
        let expected = (Ok(Either::Second(())), Ok(Either::Second(())), Ok(()));
        assert_eq!(in_time, Ok(expected));
    });
}

#[test]
fn one_that_is_dropped_while_it_runs_is_forgotten() {
    run(|| {
        const WORDS: usize = size_of::<Timeout>() / 8;
        let running: Vec<_> = (0..100).map(|_| Box::pin(Timeout::new())).collect();
        for boxed in &running {
            boxed.as_ref().reset(MS).unwrap();
        }
        drop(running);
        // What lies in their memory now stays as it is.
        let others: Vec<_> = (0..100).map(|_| Box::new([u64::MAX; WORDS])).collect();
        sleep(5 * MS).unwrap();
        assert!(others.iter().all(|other| **other == [u64::MAX; WORDS]));
        let forgotten = Box::pin(Timeout::new());
        forgotten.as_ref().reset(MS).unwrap();
        std::mem::forget(forgotten); // stays where it is for good
        sleep(5 * MS).unwrap();
    });
}

#[test]
fn one_that_nobody_waits_for_does_not_hide_that_all_are_stuck_and_is_not_lost() {
    let mut stuck = 0;
    let mut told = |_| stuck += 1;
    let t: Pin<Rc<Timeout>> = Rc::pin(Timeout::new());
    let start = Instant::now();
    let ended = Runtime::new().on_stuck(&mut told).run(|| {
        t.as_ref().reset(Duration::from_secs(3600)).unwrap();
        suspend()
    });
    assert_eq!(ended, Ok(Err(Interrupt::Cancelled)));
    assert_eq!(stuck, 1);
    assert!(start.elapsed() < Duration::from_secs(60));
    // Forgotten by the monitor while all were stuck; who waits has it told anew.
    run(|| {
        t.as_ref().reset(3 * MS).unwrap();
        let end = go({
            let t = t.clone();
            move || {
                let stop = Wakeup::new();
                wait_two(&*t, &stop)
            }
        });
        assert_eq!(end.join().unwrap(), Ok(Either::First(())));
    });
}

#[test]
fn the_far_future_is_no_overflow() {
    run(|| {
        let t = pin!(Timeout::new());
        let t = t.as_ref();
        t.reset(Duration::MAX).unwrap();
        let late = timeout(MS, || t.wait());
        assert_eq!(late, Ok(Err(Interrupt::DeadlinePassed)));
    });
}
