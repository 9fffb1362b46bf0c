//! The end of a wire as one of several things to wait for, and waits that prefer no arm.
mod common;

use std::cell::Cell;

use common::{leak, settle, spawn};
use wire_core::{JoinHandle, WaitQueue, run, suspend};
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
        // The arm behind one that is never ready also has that one's share.
        assert!(wins[0] > ROUNDS / 5 && wins[2] > ROUNDS / 5, "{wins:?}");
        assert!(wins[1] > ROUNDS * 2 / 5, "{wins:?}");
        assert_eq!(wins.iter().sum::<u32>(), ROUNDS);
    }
}
