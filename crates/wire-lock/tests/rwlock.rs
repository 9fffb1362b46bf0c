//! Locks for many readers or one writer.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{Rng, Trace, leak, run_stuck, settle, spawn};
use wire_core::{Interrupt, JoinError, run, suspend, yield_now};
use wire_lock::{RwLock, RwLockWriteGuard};
use wire_wait::{Either, Wakeup, wait, wait_two};

#[test]
fn many_read_or_one_writes_in_the_order_of_coming() {
    let (lock, trace) = (leak(RwLock::new(0)), Trace::new());
    run(|| {
        for (number, writes) in [false, false, true, false, true].into_iter().enumerate() {
            let trace = trace.clone();
            let act = move || {
                if writes {
                    let mut value = lock.write().unwrap();
                    trace.add((number, "in"));
                    (0..3).for_each(|_| yield_now());
                    *value += 1;
                    trace.add((number, "out"));
                } else {
                    let value = lock.read().unwrap();
                    trace.add((number, "in"));
                    let before = *value;
                    (0..3).for_each(|_| yield_now());
                    assert_eq!(*value, before);
                    trace.add((number, "out"));
                }
            };
            spawn("user", act).detach();
        }
    });
    let expected = [
        (0, "in"),
        (1, "in"),
        (0, "out"),
        (1, "out"),
        (2, "in"),
        (2, "out"),
        (3, "in"),
        (3, "out"),
        (4, "in"),
        (4, "out"),
    ];
    assert_eq!(trace.take(), expected);
    assert_eq!(*lock.try_read().unwrap(), 2);
}

#[test]
fn a_writer_that_waits_keeps_new_readers_out() {
    let lock = leak(RwLock::new(()));
    run(|| {
        let first = lock.read().unwrap();
        let writer = spawn("writer", || lock.write().map(drop));
        settle();
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        let second = spawn("second", || lock.read().map(drop));
        settle();
        assert!(!writer.is_finished() && !second.is_finished());
        drop(first);
        settle();
        assert!(writer.is_finished() && second.is_finished());
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn a_writer_that_gives_up_lets_those_behind_in() {
    let lock = leak(RwLock::new(()));
    run(|| {
        let first = lock.read().unwrap();
        let writer = spawn("writer", || lock.write().map(drop));
        let second = spawn("second", || lock.read().map(drop));
        let third = spawn("third", || lock.write().map(drop));
        settle();
        writer.cancel();
        assert_eq!(writer.join().unwrap(), Err(Interrupt::Cancelled));
        assert_eq!(second.join().unwrap(), Ok(()));
        settle();
        third.cancel();
        assert_eq!(third.join().unwrap(), Err(Interrupt::Cancelled));
        assert!(lock.try_read().is_some() && lock.try_write().is_none());
        drop(first);
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn what_is_free_is_had_by_a_cancelled_wire_and_panics_release() {
    let lock = leak(RwLock::new(1));
    run(|| {
        let cancelled = spawn("cancelled", || {
            assert!(suspend().is_err());
            *lock.write().unwrap() += 1;
            *lock.read().unwrap()
        });
        yield_now();
        cancelled.cancel();
        assert_eq!(cancelled.join().unwrap(), 2);
        let panics = spawn("panics", || {
            let _guard = lock.write().unwrap();
            panic!("on purpose");
        });
        assert!(panics.join().is_err());
        assert!(lock.try_write().is_some());
        let reads = spawn("reads", || {
            let _guard = lock.read().unwrap();
            panic!("on purpose");
        });
        assert!(reads.join().is_err());
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn waiting_for_oneself_is_told() {
    let lock = leak(RwLock::new(()));
    run(|| {
        let _mine = lock.write().unwrap();
        for again in [true, false] {
            let result = catch_unwind(AssertUnwindSafe(|| {
                if again {
                    lock.write().map(drop)
                } else {
                    lock.read().map(drop)
                }
            }));
            assert!(result.is_err());
        }
    });
    let (_, report) = run_stuck(|| {
        let reads = || {
            let _mine = lock.read().unwrap();
            assert_eq!(lock.write().map(drop), Err(Interrupt::Cancelled));
        };
        spawn("reads", reads).detach();
    });
    let expected = format!("wire 'reads' waits: rwlock write at {lock:p}");
    assert!(report.contains(&expected), "{report:?}");
    assert!(lock.try_write().is_some());
}

/// Who is inside, counted also when a cancellation unwinds: readers, writers.
struct Inside<'a>(&'a Cell<(i32, i32)>, bool);

impl Inside<'_> {
    fn count(inside: &Cell<(i32, i32)>, writes: bool) -> Inside<'_> {
        let (readers, writers) = inside.get();
        assert!(writers == 0 && (readers == 0 || !writes), "{inside:?}");
        inside.set((readers + i32::from(!writes), i32::from(writes)));
        Inside(inside, writes)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let (readers, writers) = self.0.get();
        self.0
            .set((readers - i32::from(!self.1), writers - i32::from(self.1)));
    }
}

/// At random, with interrupts: never a reader beside a writer, and nothing is held at the end.
#[test]
fn whatever_happens_nobody_reads_what_another_writes() {
    for seed in 1..200 {
        let lock = leak(RwLock::new(0_u64));
        let inside = Rc::new(Cell::new((0, 0)));
        let mut rng = Rng::new(seed);
        run(|| {
            let mut wires = Vec::new();
            for _ in 0..8 {
                let inside = Rc::clone(&inside);
                let mut own = Rng::new(rng.below(1 << 20) as u64 + 1);
                wires.push(spawn("user", move || {
                    for _ in 0..5 {
                        if own.below(3) == 0 {
                            let Ok(mut value) = lock.write() else { return };
                            let _inside = Inside::count(&inside, true);
                            *value += 1;
                            (0..own.below(3)).for_each(|_| yield_now());
                        } else {
                            let Ok(value) = lock.read() else { return };
                            let _inside = Inside::count(&inside, false);
                            let before = *value;
                            (0..own.below(3)).for_each(|_| yield_now());
                            assert_eq!(*value, before);
                        }
                        (0..own.below(2)).for_each(|_| yield_now());
                    }
                }));
            }
            for wire in &wires {
                (0..rng.below(4)).for_each(|_| yield_now());
                if rng.below(4) == 0 {
                    wire.cancel();
                }
            }
            for wire in wires {
                match wire.join() {
                    Ok(()) | Err(JoinError::Cancelled) => {}
                    Err(error) => panic!("seed {seed}: {error}"),
                }
            }
        });
        assert_eq!(inside.get(), (0, 0), "seed {seed}");
        assert!(lock.try_write().is_some(), "seed {seed}");
    }
}

#[test]
fn readers_behind_a_writer_are_let_in_together_up_to_the_next_writer() {
    let (lock, trace) = (leak(RwLock::new(())), Trace::new());
    run(|| {
        let mine = lock.write().unwrap();
        for (name, writes) in [("r1", false), ("r2", false), ("w", true), ("r3", false)] {
            let trace = trace.clone();
            let act = move || {
                let _guards = (
                    (!writes).then(|| lock.read().unwrap()),
                    writes.then(|| lock.write().unwrap()),
                );
                trace.add((name, "in"));
                yield_now();
                trace.add((name, "out"));
            };
            spawn(name, act).detach();
        }
        settle();
        drop(mine);
        // Both have it already, and the writer behind them keeps others out.
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        settle();
    });
    let expected = [
        ("r1", "in"),
        ("r2", "in"),
        ("r1", "out"),
        ("r2", "out"),
        ("w", "in"),
        ("w", "out"),
        ("r3", "in"),
        ("r3", "out"),
    ];
    assert_eq!(trace.take(), expected);
}

#[test]
fn a_writer_comes_in_though_there_is_always_a_reader() {
    let (lock, wrote) = (leak(RwLock::new(0)), leak(Cell::new(false)));
    run(|| {
        let reads = |source: bool| {
            move || {
                while !wrote.get() {
                    let guard = if source {
                        wait(&lock.reading()).unwrap()
                    } else {
                        lock.read().unwrap()
                    };
                    yield_now();
                    drop(guard);
                }
            }
        };
        // Two take turns, so that one comes before the other has gone.
        for source in [false, true] {
            spawn("reads", reads(source)).detach();
            yield_now();
            spawn("reads", reads(source)).detach();
        }
        let writes = spawn("writes", || {
            *lock.write().unwrap() += 1;
            wrote.set(true);
        });
        for _ in 0..100 {
            yield_now();
        }
        assert!(writes.is_finished());
    });
    assert_eq!(*lock.try_read().unwrap(), 1);
}

#[test]
fn reading_as_one_of_several_keeps_the_order_and_leaves_nothing_behind() {
    let (lock, other, trace) = (leak(RwLock::new(7)), leak(Wakeup::new()), Trace::new());
    run(|| {
        let mine = lock.read().unwrap();
        let come = |name: &'static str| {
            let trace = trace.clone();
            let wire = spawn(name, move || {
                match name {
                    "writer" => *lock.write()? += 1,
                    _ => match wait_two(&lock.reading(), other)? {
                        Either::First(value) => trace.add((name, *value)),
                        Either::Second(()) => return Ok(()),
                    },
                }
                trace.add((name, 0));
                Ok::<(), Interrupt>(())
            });
            settle();
            wire
        };
        assert!(come("beside a reader").is_finished());
        assert_eq!(
            trace.take(),
            [("beside a reader", 7), ("beside a reader", 0)]
        );
        let (writer, reader) = (come("writer"), come("reader"));
        assert!(!writer.is_finished() && !reader.is_finished());
        drop(mine);
        writer.join().unwrap().unwrap();
        reader.join().unwrap().unwrap();
        assert_eq!(trace.take(), [("writer", 0), ("reader", 8), ("reader", 0)]);

        // One whose other source wins is out of the way.
        let mine = lock.write().unwrap();
        let reader = come("reader");
        other.resume();
        reader.join().unwrap().unwrap();
        drop(mine);
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn one_who_wrote_goes_on_reading_with_nobody_in_between() {
    let (lock, trace) = (leak(RwLock::new(0)), Trace::new());
    run(|| {
        let mut mine = lock.write().unwrap();
        *mine = 1;
        for (name, writes) in [("reader", false), ("writer", true), ("late reader", false)] {
            let trace = trace.clone();
            let act = move || {
                let value = if writes {
                    let mut value = lock.write().unwrap();
                    *value += 1;
                    *value
                } else {
                    *lock.read().unwrap()
                };
                trace.add((name, value));
            };
            spawn(name, act).detach();
        }
        settle();
        let mine = RwLockWriteGuard::downgrade(mine);
        assert!(lock.try_read().is_none(), "a writer waits");
        settle();
        assert_eq!(trace.take(), [("reader", 1)]);
        assert_eq!(*mine, 1);
        drop(mine);
        settle();
        assert_eq!(trace.take(), [("writer", 2), ("late reader", 2)]);
    });
    // It no longer counts as the one who writes, which would be a panic.
    let (result, report) = run_stuck(|| {
        let _mine = RwLockWriteGuard::downgrade(lock.write().unwrap());
        lock.write().map(drop)
    });
    assert_eq!(result, Some(Err(Interrupt::Cancelled)));
    assert_eq!(
        report,
        [format!("wire 'main' waits: rwlock write at {lock:p}")]
    );
    assert!(lock.try_write().is_some());
}

#[test]
fn the_message_says_what_this_wire_does_already() {
    let lock = leak(RwLock::new(()));
    run(|| {
        let wait_and_write = spawn("writes", || {
            // Also what it waited for.
            let _mine = lock.write().unwrap();
            let panic = catch_unwind(AssertUnwindSafe(|| lock.read())).unwrap_err();
            *panic.downcast::<&str>().unwrap()
        });
        let guard = lock.read().unwrap();
        settle();
        drop(guard);
        let text = wait_and_write.join().unwrap();
        assert!(text.contains("for writing already"), "{text}");
    });
    assert!(lock.try_write().is_some());
}

/// Who reads and comes again behind a writer waits for itself by way of that one: both are told, by the lock's address.
#[test]
fn a_reader_that_comes_again_behind_a_writer_is_told_as_stuck() {
    let lock = leak(RwLock::new(()));
    let (_, report) = run_stuck(|| {
        let reads_twice = || {
            let _mine = lock.read().unwrap();
            yield_now();
            // Had after all if the writer, which is cancelled as well, goes first.
            lock.read().map(drop)
        };
        spawn("reads twice", reads_twice).detach();
        spawn("writes", || lock.write().map(drop)).detach();
    });
    let line = |name, how| format!("wire '{name}' waits: rwlock {how} at {lock:p}");
    assert_eq!(report.len(), 2, "{report:?}");
    for line in [line("reads twice", "read"), line("writes", "write")] {
        assert!(report.contains(&line), "{line}: {report:?}");
    }
    assert!(lock.try_write().is_some());
}
