//! Strictly first in, first out: traces of who runs when.
mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use common::{Log, spawn, stack, wire};
use wire_core::{Handle, is_only_one, run, suspend, yield_now};

#[test]
fn wires_take_turns_in_the_order_they_were_started_and_main_is_one_of_them() {
    let log = Log::new();
    run(|| {
        for name in ["a", "b", "c"] {
            let log = log.clone();
            spawn(name, move || {
                for turn in 0..3 {
                    log.add(format!("{name}{turn}"));
                    yield_now();
                }
            })
            .detach();
        }
        for turn in 0..3 {
            log.add(format!("m{turn}"));
            yield_now();
        }
        log.add("end");
    });
    assert_eq!(log.take(), "m0 a0 b0 c0 m1 a1 b1 c1 m2 a2 b2 c2 end");
}

#[test]
fn a_started_wire_is_last_and_its_starter_goes_on() {
    let log = Log::new();
    let outer = log.clone();
    run(move || {
        let (first, second) = (outer.clone(), outer.clone());
        spawn("first", move || {
            first.add("first");
            let inner = first.clone();
            spawn("inner", move || inner.add("inner")).detach();
            first.add("goes-on");
        })
        .detach();
        spawn("second", move || second.add("second")).detach();
        outer.add("main");
    });
    assert_eq!(log.take(), "main first goes-on second inner");
}

#[test]
fn a_suspended_wire_has_no_turn_until_it_is_resumed_and_is_last_then() {
    let log = Log::new();
    run(|| {
        let (a, b) = (log.clone(), log.clone());
        let sleeper = spawn("a", move || {
            a.add("a-sleeps");
            suspend().unwrap();
            a.add("a-woke");
        });
        spawn("b", move || {
            for _ in 0..4 {
                b.add("b");
                yield_now();
            }
        })
        .detach();
        yield_now();
        yield_now();
        log.add("resume");
        sleeper.handle().resume();
        sleeper.handle().resume();
        yield_now();
        log.add("main");
    });
    assert_eq!(log.take(), "a-sleeps b b resume b a-woke main b");
}

#[test]
fn resuming_a_wire_that_is_ready_is_not_remembered() {
    run(|| {
        let sleeper = spawn("a", || suspend().is_ok());
        sleeper.handle().resume(); // not started yet
        Handle::current().unwrap().resume(); // running
        yield_now();
        yield_now();
        assert!(!sleeper.is_finished());
        sleeper.handle().resume();
        assert!(sleeper.join().unwrap());
    });
}

#[test]
fn resuming_a_wire_that_is_over_does_nothing() {
    let place = wire();
    run(|| {
        let joined_later = spawn("over", || 17);
        let detached = place.spawn(stack(), "gone", || ()).unwrap();
        let gone = detached.handle();
        detached.detach();
        yield_now();
        assert!(joined_later.is_finished() && gone.is_finished());
        for _ in 0..3 {
            joined_later.handle().resume();
            gone.resume();
        }
        assert!(is_only_one());
        // Nor does it reach the next one in the same control block.
        let next = place.spawn(stack(), "next", suspend).unwrap();
        yield_now();
        gone.resume();
        yield_now();
        assert!(!next.is_finished());
        next.handle().resume();
        assert!(next.join().unwrap().is_ok());
        assert_eq!(joined_later.join().unwrap(), 17);
    });
}

#[test]
fn resume_does_not_end_another_kind_of_wait() {
    run(|| {
        let inner = spawn("inner", suspend);
        let inner_handle = inner.handle();
        let joiner = spawn("joiner", move || inner.join().unwrap().is_ok());
        yield_now();
        joiner.handle().resume();
        yield_now();
        assert!(!joiner.is_finished());
        inner_handle.resume();
        assert!(joiner.join().unwrap());
    });
}

#[test]
fn yielding_alone_or_outside_run_returns_at_once() {
    yield_now();
    run(|| {
        assert!(is_only_one());
        yield_now();
        spawn("other", || {}).detach();
        assert!(!is_only_one());
    });
    yield_now();
}

/// The ready queue as it should be, the running wire taken out.
struct Model {
    ready: VecDeque<usize>,
    suspended: Vec<bool>,
    handles: Vec<Option<Handle<'static>>>,
    seed: u64,
    steps: usize,
    living: usize,
}

impl Model {
    fn random(&mut self, below: usize) -> usize {
        self.seed = self
            .seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.seed >> 33) as usize % below
    }

    fn runs(&mut self, me: usize) {
        assert_eq!(self.ready.pop_front(), Some(me), "step {}", self.steps);
        self.steps += 1;
    }
}

fn member(model: &Rc<RefCell<Model>>, me: usize) {
    model.borrow_mut().runs(me);
    loop {
        let mut m = model.borrow_mut();
        let other = m.random(20);
        match m.random(8) {
            0 if m.steps > 20_000 => return,
            // Not the last one: nobody would be left to resume it.
            1 if !m.ready.is_empty() => {
                m.suspended[me] = true;
                drop(m);
                suspend().unwrap();
                model.borrow_mut().runs(me);
            }
            2..4 => {
                if let Some(handle) = m.handles[other] {
                    if std::mem::take(&mut m.suspended[other]) {
                        m.ready.push_back(other);
                    }
                    handle.resume();
                }
            }
            4 if m.handles[other].is_none() => start(model, &mut m, other),
            _ => {
                m.ready.push_back(me);
                drop(m);
                yield_now();
                model.borrow_mut().runs(me);
            }
        }
    }
}

fn start(shared: &Rc<RefCell<Model>>, m: &mut Model, id: usize) {
    let model = Rc::clone(shared);
    let handle = spawn("member", move || {
        member(&model, id);
        // Whoever is left asleep could be woken by nobody.
        let mut m = model.borrow_mut();
        m.living -= 1;
        for id in 0..m.suspended.len() {
            if std::mem::take(&mut m.suspended[id]) {
                m.ready.push_back(id);
                m.handles[id].unwrap().resume();
            }
        }
    });
    m.handles[id] = Some(handle.handle());
    m.ready.push_back(id);
    m.living += 1;
    handle.detach();
}

#[test]
fn random_yields_suspensions_resumptions_and_starts_follow_a_plain_queue() {
    for seed in 1..=10 {
        let model = Rc::new(RefCell::new(Model {
            ready: VecDeque::new(),
            suspended: vec![false; 20],
            handles: vec![None; 20],
            seed,
            steps: 0,
            living: 0,
        }));
        run(|| {
            for id in 0..5 {
                start(&model, &mut model.borrow_mut(), id);
            }
        });
        assert!(model.borrow().steps > 20_000);
        assert_eq!(model.borrow().living, 0);
    }
}
