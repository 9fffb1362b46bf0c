//! Where all of this may lie: in a static, behind an `Rc`, in a frame that lends it; and guards that are forgotten.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::mem::forget;
use std::rc::Rc;

use common::{leak, settle, spawn, stack};
use wire_core::{Interrupt, Local, Wire, check_interrupt, run, scope, yield_now};
use wire_lock::{Barrier, Condvar, Lock, Mutex, OnceCell, RwLock, Semaphore, WaitGroup};

/// One of each.
struct All {
    lock: Lock,
    mutex: Mutex<u32>,
    data: RwLock<u32>,
    changed: Condvar,
    cell: OnceCell<String>,
    permits: Semaphore,
    barrier: Barrier,
    group: WaitGroup,
}

impl All {
    const fn new() -> All {
        All {
            lock: Lock::new(),
            mutex: Mutex::new(0),
            data: RwLock::new(0),
            changed: Condvar::new(),
            cell: OnceCell::new(),
            permits: Semaphore::new(1),
            barrier: Barrier::new(2),
            group: WaitGroup::new(),
        }
    }

    /// To be done by two wires at once, each of which waits for the other somewhere.
    fn use_them(&self) -> Result<(), Interrupt> {
        let pass = self.group.enter();
        {
            let _guard = self.lock.lock()?;
            yield_now();
        }
        {
            let _permit = self.permits.acquire()?;
            yield_now();
        }
        *self.data.write()? += 1;
        assert!(*self.data.read()? > 0);
        self.cell.get_or_init(|| {
            yield_now();
            String::from("made")
        })?;
        self.barrier.wait()?;
        let mut number = self.mutex.lock()?;
        *number += 1;
        self.changed.notify_all();
        self.changed
            .wait_while(&mut number, |number| *number % 2 != 0)?;
        drop((number, pass));
        self.group.wait()
    }

    fn were_used(&self) {
        assert!(!self.lock.is_held() && !self.mutex.is_locked());
        assert_eq!(*self.data.try_write().unwrap(), 2);
        assert_eq!(self.cell.get().unwrap(), "made");
        assert_eq!((self.permits.available(), self.group.count()), (1, 0));
    }
}

#[test]
fn in_a_static_of_the_first_thread_that_comes() {
    static ALL: Local<All> = Local::new(All::new());
    run(|| {
        let wires = [(); 2].map(|()| spawn("uses", || ALL.use_them()));
        for wire in wires {
            assert_eq!(wire.join().unwrap(), Ok(()));
        }
        ALL.were_used();
    });
    assert!(
        std::thread::spawn(|| ALL.try_get().is_err())
            .join()
            .unwrap()
    );
}

#[test]
fn behind_an_rc() {
    run(|| {
        let all = Rc::new(All::new());
        let wires = [(); 2].map(|()| {
            let all = Rc::clone(&all);
            spawn("uses", move || all.use_them())
        });
        for wire in wires {
            assert_eq!(wire.join().unwrap(), Ok(()));
        }
        Rc::into_inner(all).expect("the wires are over").were_used();
    });
}

#[test]
fn in_a_frame_that_lends_it_to_a_scope() {
    let (all, wires) = (All::new(), [Wire::new(), Wire::new()]);
    run(|| {
        scope(|s| {
            for wire in &wires {
                let uses = || all.use_them().unwrap();
                s.spawn(wire, stack(), "uses", uses).unwrap().detach();
            }
        });
        all.were_used();
    });
}

#[test]
fn an_owned_one_may_go_to_another_thread_after_it_was_used() {
    let all = All::new();
    let wires = [Wire::new(), Wire::new()];
    run(|| {
        scope(|s| {
            for wire in &wires {
                let uses = || all.use_them().unwrap();
                s.spawn(wire, stack(), "uses", uses).unwrap().detach();
            }
        });
    });
    // What this thread's wires left behind means nothing there.
    let there = std::thread::spawn(move || {
        run(|| {
            drop(all.lock.lock().unwrap());
            *all.mutex.lock().unwrap() += 1;
            *all.data.write().unwrap() += 1;
        });
        (all.mutex.into_inner(), all.data.into_inner())
    });
    assert_eq!(there.join().unwrap(), (3, 3));
}

/// Forgotten, a guard holds on for good: others wait until they are interrupted; owners get everything all the same.
#[test]
fn forgotten_guards_hold_on_and_do_nothing_worse() {
    run(|| {
        // In a frame of a wire that is over by the time that others wait; its guards referred to nothing of it.
        let all = leak(All::new());
        spawn("forgetful", || {
            forget((all.lock.lock(), all.mutex.lock(), all.permits.acquire()));
            forget((all.data.read(), all.group.enter()));
        })
        .join()
        .unwrap();
        let waiting = [
            spawn("lock", || all.lock.lock().map(drop)),
            spawn("mutex", || all.mutex.lock().map(drop)),
            spawn("permit", || all.permits.acquire().map(drop)),
            spawn("write", || all.data.write().map(drop)),
            spawn("group", || all.group.wait()),
        ];
        settle();
        for wire in waiting {
            assert!(!wire.is_finished());
            wire.cancel();
            assert_eq!(wire.join().unwrap(), Err(Interrupt::Cancelled));
        }
        assert!(all.data.try_read().is_some());
        // What counts is the count, not the guard.
        all.lock.release();
        all.permits.release();
        all.group.done();
        assert!(all.lock.lock().is_ok() && all.permits.acquire().is_ok());
        assert_eq!(all.group.wait(), Ok(()));
    });

    let mut all = All::new();
    forget((
        all.lock.try_lock(),
        all.mutex.try_lock(),
        all.data.try_write(),
    ));
    forget((all.permits.try_acquire(), all.group.enter()));
    *all.mutex.get_mut() += 1;
    *all.data.get_mut() += 1;
    assert_eq!((all.mutex.into_inner(), all.data.into_inner()), (1, 1));
}

/// A wait that is left by unwinding is undone by its frame, wherever it was in line, and the frame can be used again.
#[test]
fn memory_of_a_wait_that_was_unwound_is_referred_to_by_nobody() {
    let all = leak(All::new());
    run(|| {
        let held = (all.lock.lock(), all.permits.acquire(), all.data.read());
        let waits = |which: usize| {
            move || {
                let result = match which {
                    0 | 1 => all.lock.lock().map(drop),
                    2 | 3 => all.permits.acquire_many(1).map(drop),
                    4 | 5 => all.data.write().map(drop),
                    6 => all.barrier.wait().map(drop),
                    _ => all.group.wait(),
                };
                let interrupt = result.unwrap_err();
                assert_eq!(check_interrupt(), Err(interrupt));
                interrupt.unwind();
            }
        };
        let pass = all.group.enter();
        // In memory of this frame, which is lent anew each time.
        let wires = [const { Wire::new() }; 8];
        for _ in 0..3 {
            scope(|s| {
                for (which, wire) in wires.iter().enumerate() {
                    let waits = waits(which);
                    s.spawn(wire, stack(), "waits", waits).unwrap().detach();
                }
                settle();
                s.cancel_all();
            });
        }
        drop((held, pass));
        assert!(!all.lock.is_held() && all.data.try_write().is_some());
        assert_eq!((all.permits.available(), all.barrier.waiting()), (1, 0));
    });
}
