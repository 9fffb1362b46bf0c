//! The end of a wire as one of several things to wait for, and waits that prefer no arm.
mod common;

use std::cell::Cell;

use common::{leak, settle, spawn};
use wire_core::{JoinHandle, WaitQueue, run, suspend, yield_now};
use wire_wait::{Source, Wakeup, on, try_any, try_fair, wait_any, wait_fair};

#[test]
fn the_end_of_a_wire_is_waited_for_and_its_result_joined_afterwards() {
    let stop = leak(Wakeup::new());
    run(|| {
        let worker = spawn("worker", || {
            suspend().unwrap();
            7
        });
        let handle = worker.handle();
        let waiting = spawn("waiting", move || {
            let first = wait_any(&[&on(&worker, |()| "ended"), &on(stop, |()| "stopped")]);
            (first, worker.join().unwrap())
        });
        settle();
        handle.resume();
        assert_eq!(waiting.join().unwrap(), (Ok("ended"), 7));

        let over = spawn("over", || ());
        settle();
        assert!(over.is_finished());
        assert_eq!(try_any(&[&on(&over, |()| 1)]), Some(1));
        over.join().unwrap();
    });
}

#[test]
fn several_wait_for_one_end_each_in_its_way() {
    run(|| {
        let worker = leak(spawn("worker", || suspend().unwrap()));
        let plain = spawn("plain", || worker.wait());
        let among = spawn("among", || wait_any(&[&on(worker, |()| ())]));
        settle();
        worker.handle().resume();
        assert_eq!(plain.join().unwrap(), Ok(()));
        assert_eq!(among.join().unwrap(), Ok(()));
    });
}

/// Panics when it is asked for the second time: by the wire that ends.
struct Foul {
    worker: JoinHandle<'static, ()>,
    calls: Cell<u32>,
}

impl Source for Foul {
    type Item = ();
    fn try_take(&self) -> Option<()> {
        self.calls.set(self.calls.get() + 1);
        assert!(self.calls.get() != 2, "as told");
        self.worker.is_finished().then_some(())
    }
    fn queue(&self) -> &WaitQueue {
        self.worker.joiners()
    }
}

#[test]
fn a_source_that_panics_at_the_end_of_a_wire_does_not_keep_others_from_learning_of_it() {
    run(|| {
        let foul = leak(Foul {
            worker: spawn("worker", || suspend().unwrap()),
            calls: Cell::new(0),
        });
        let first = spawn("first", || wait_any(&[&on(foul, |()| ())]));
        let second = spawn("second", || foul.worker.wait());
        settle();
        foul.worker.handle().resume();
        assert_eq!(second.join().unwrap(), Ok(()));
        assert_eq!(first.join().unwrap(), Ok(()), "it was told to look itself");
        assert_eq!(foul.calls.get(), 3);
    });
}

#[test]
fn a_fair_wait_gives_each_ready_arm_its_share() {
    const ROUNDS: u32 = 3000;
    let ready = [const { Wakeup::new() }; 3].map(leak);
    let never = leak(Wakeup::new());
    ready.iter().for_each(|wakeup| assert!(wakeup.resume()));
    for fair in [
        |arms: &[&dyn wire_wait::Arm<usize>]| wait_fair(arms).unwrap(),
        |arms: &[&dyn wire_wait::Arm<usize>]| try_fair(arms).unwrap(),
    ] {
        let mut wins = [0; 4];
        run(|| {
            for _ in 0..ROUNDS {
                let [a, b, c] = [0, 1, 2].map(|index| on(ready[index], move |()| index));
                wins[fair(&[&a, &on(never, |()| 3), &b, &c])] += 1;
            }
        });
        assert_eq!(wins[3], 0);
        assert!(wins[..3].iter().all(|&wins| wins > ROUNDS / 5), "{wins:?}");
        assert_eq!(wins.iter().sum::<u32>(), ROUNDS);
    }
}

#[test]
fn a_fair_wait_is_fair_whatever_else_is_not_ready() {
    let wakeups: Vec<Wakeup> = (0..64).map(|_| Wakeup::new()).collect();
    for [a, b] in [[0, 1], [0, 63], [20, 40]] {
        wakeups[a].resume();
        wakeups[b].resume();
        let arms = wakeups.iter().enumerate();
        let arms: Vec<_> = arms.map(|(n, wakeup)| on(wakeup, move |()| n)).collect();
        let arms: Vec<&dyn wire_wait::Arm<usize>> = arms.iter().map(|arm| arm as _).collect();
        let wins = (0..10_000).filter(|_| try_fair(&arms) == Some(a)).count();
        assert!(
            (4500..5500).contains(&wins),
            "{wins} of 10,000 for {a} beside {b}"
        );
        wakeups[a].reset();
        wakeups[b].reset();
    }
}

#[test]
fn who_waits_for_an_end_is_not_told_of_it_by_others() {
    run(|| {
        let long = leak(spawn("long", || (0..10).for_each(|_| yield_now())));
        let waiting = spawn("waiting", || (long.wait(), long.is_finished()));
        settle();
        if !long.is_finished() {
            long.joiners().wake_one();
        }
        assert_eq!(waiting.join().unwrap(), (Ok(()), true));
    });
}
