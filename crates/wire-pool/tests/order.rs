//! Who gets which wire, when, and in what order.
mod common;

use common::{AnyPool, STACK, Trace, mapped};
use wire_pool::wire_core::suspend;
use wire_pool::{JoinHandle, Local, Pool, SpawnError, TrySpawnError, run, scope, yield_now};

/// The page of a local tells which stack the caller runs on.
fn here() -> usize {
    let local = 0_u8;
    std::hint::black_box(&raw const local).addr() / STACK
}

#[test]
fn the_wire_that_ended_last_is_used_first() {
    static POOL: Local<Pool<3, STACK>> = Local::new(Pool::new());
    check(&*POOL);
    check(mapped(3));

    fn check(pool: &'static impl AnyPool) {
        run(|| {
            let [a, b, c] = ["a", "b", "c"].map(|name| pool.go(name, here).unwrap());
            let at_a = a.join().unwrap();
            let at_c = c.join().unwrap();
            let at_b = b.join().unwrap();
            assert!(at_a != at_b && at_b != at_c && at_c != at_a);
            let again = ["d", "e", "f"].map(|name| pool.go(name, here).unwrap());
            assert_eq!(again.map(|wire| wire.join().unwrap()), [at_b, at_c, at_a]);
        });
    }
}

#[test]
fn those_who_wait_are_served_in_their_order() {
    static POOL: Local<Pool<1, STACK>> = Local::new(Pool::new());
    check(&*POOL);
    check(mapped(1));

    fn check(pool: &'static impl AnyPool) {
        let trace = Trace::default();
        run(|| {
            let waiters = mapped(10);
            scope(|s| {
                let holder = pool.wait_in(s, "holder", || suspend().unwrap()).unwrap();
                for name in ["1", "2", "3"] {
                    let (pool, trace) = (pool, &trace);
                    let wait = move || {
                        let job = move || trace.add(format!("{name} runs"));
                        pool.wait_in(s, name, job).unwrap().detach();
                        trace.add(format!("{name} served"));
                    };
                    waiters.spawn_in(s, name, wait).unwrap().detach();
                }
                yield_now();
                trace.add("freed");
                holder.handle().resume();
                holder.join().unwrap();
            });
        });
        assert_eq!(
            trace.take(),
            "freed 1 served 1 runs 2 served 2 runs 3 served 3 runs"
        );
    }
}

#[test]
fn newcomers_do_not_overtake_those_who_wait() {
    static POOL: Local<Pool<1, STACK>> = Local::new(Pool::new());
    check(&*POOL);
    check(mapped(1));

    fn check(pool: &'static impl AnyPool) {
        let trace = Trace::default();
        run(|| {
            let waiters = mapped(10);
            scope(|s| {
                pool.go_in(s, "holder", yield_now).unwrap().detach();
                let wait = || {
                    pool.wait_in(s, "first", || trace.add("first"))
                        .unwrap()
                        .detach();
                };
                waiters.spawn_in(s, "waiter", wait).unwrap().detach();
                while pool.in_use() == 1 {
                    yield_now();
                }
                // Free, but promised: it has not run yet.
                assert!(matches!(
                    pool.go_in(s, "newcomer", || ()),
                    Err(TrySpawnError::Full(_))
                ));
                pool.wait_in(s, "second", || trace.add("second"))
                    .unwrap()
                    .detach();
            });
        });
        assert_eq!(trace.take(), "first second");
    }
}

#[test]
fn a_wire_is_free_before_anyone_runs_who_waits_for_its_end() {
    static POOL: Local<Pool<1, STACK>> = Local::new(Pool::new());
    check(&*POOL);
    check(mapped(1));

    fn check(pool: &'static impl AnyPool) {
        let trace = Trace::default();
        run(|| {
            scope(|s| {
                pool.go_in(s, "detached", || trace.add("ends"))
                    .unwrap()
                    .detach();
                pool.idle().unwrap();
                assert_eq!(pool.in_use(), 0);
                let joined = pool.go_in(s, "joined", || trace.add("ends")).unwrap();
                joined.wait().unwrap();
                // Over, but its result not fetched.
                assert_eq!(pool.in_use(), 1);
                joined.join().unwrap();
                let dropped = pool.go_in(s, "dropped", || trace.add("ends")).unwrap();
                yield_now();
                assert!(pool.go_in(s, "too early", || ()).is_err());
                drop(dropped);
                pool.go_in(s, "last", || trace.add("last"))
                    .unwrap()
                    .join()
                    .unwrap();
            });
        });
        assert_eq!(trace.take(), "ends ends ends last");
    }
}

#[test]
fn cancelling_one_who_waits_loses_no_wire() {
    static POOL: Local<Pool<1, STACK>> = Local::new(Pool::new());
    check(&*POOL);
    check(mapped(1));

    fn check(pool: &'static impl AnyPool) {
        let trace = Trace::default();
        run(|| {
            let waiters = mapped(10);
            scope(|s| {
                let holder = pool.wait_in(s, "holder", || suspend().unwrap()).unwrap();
                let [early, late, patient] = ["early", "late", "patient"].map(|name| {
                    let (pool, trace) = (pool, &trace);
                    let wait = move || {
                        let outcome =
                            pool.wait_in(s, name, move || trace.add(format!("{name} runs")));
                        trace.add(format!("{name} {:?}", outcome.map(JoinHandle::detach)));
                    };
                    waiters.spawn_in(s, name, wait).unwrap()
                });
                yield_now();
                early.cancel();
                holder.handle().resume();
                holder.join().unwrap();
                // Promised already: cancelling it now does not take that away.
                late.cancel();
                for wire in [early, late, patient] {
                    wire.join().unwrap();
                }
                pool.idle().unwrap();
            });
        });
        let cancelled = "early Err(Interrupted(Cancelled))";
        assert_eq!(
            trace.take(),
            format!("{cancelled} late Ok(()) late runs patient Ok(()) patient runs")
        );
        assert_eq!(pool.in_use(), 0);
    }
}

#[test]
fn closing_fails_those_who_wait_and_all_who_come() {
    static POOL: Local<Pool<1, STACK>> = Local::new(Pool::new());
    check(&*POOL);
    check(mapped(1));

    fn check(pool: &'static impl AnyPool) {
        let trace = Trace::default();
        run(|| {
            let waiters = mapped(10);
            scope(|s| {
                let holder = pool.wait_in(s, "holder", || suspend().unwrap()).unwrap();
                for name in ["promised", "waiting"] {
                    let (pool, trace) = (pool, &trace);
                    let wait = move || {
                        let outcome = pool.wait_in(s, name, || unreachable!());
                        trace.add(format!("{name} {:?}", outcome.map(JoinHandle::detach)));
                    };
                    waiters.spawn_in(s, name, wait).unwrap().detach();
                }
                yield_now();
                holder.handle().resume();
                holder.join().unwrap();
                pool.close();
                let outcome = pool.go_in(s, "late", || ()).map(JoinHandle::detach);
                assert!(matches!(
                    outcome,
                    Err(TrySpawnError::Failed(SpawnError::Closed))
                ));
                assert_eq!(
                    pool.go("later", || ()).map(JoinHandle::detach),
                    Err(SpawnError::Closed)
                );
            });
        });
        assert_eq!(trace.take(), "promised Err(Closed) waiting Err(Closed)");
        assert_eq!(pool.in_use(), 0);
    }
}
