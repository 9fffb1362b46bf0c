//! Waking wires from other threads, tried in all orders of its steps: no wake-up is lost or slept
//! through, each is seen with all that was done before it, and every slot is freed once.
//!
//! `RUSTFLAGS='--cfg loom' cargo test --release -p wire-core --test loom`, or `cargo xtask deep loom`.
#![cfg(loom)]
#![allow(missing_docs, dead_code, unreachable_pub)]

/// The crate's file, on loom's atomics and the bell below.
#[path = "../src/remote.rs"]
mod remote;

mod sync {
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence,
    };
}

mod bell {
    use loom::sync::{Condvar, Mutex};

    #[derive(Debug, Default)]
    pub(crate) struct Bell(Mutex<bool>, Condvar);

    impl Bell {
        pub(crate) fn ring(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }

        pub(crate) fn wait(&self) {
            let mut rung = self.0.lock().unwrap();
            while !*rung {
                rung = self.1.wait(rung).unwrap();
            }
            *rung = false;
        }
    }
}

use std::ptr;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use loom::thread;
use remote::{Home, HomeId, Slot, Ticket, Wait};

type Table = remote::Table<2, 1>;

/// Nobody looks at it; it is only not null.
const WIRE: *mut () = ptr::dangling_mut();

fn table() -> Arc<Table> {
    Arc::new(Table {
        slots: std::array::from_fn(|_| Slot {
            word: AtomicU64::new(0),
            next: AtomicU32::new(0),
            home: AtomicU32::new(0),
            wire: AtomicPtr::new(ptr::null_mut()),
        }),
        homes: std::array::from_fn(|_| Home {
            taken: AtomicBool::new(false),
            woken: AtomicU32::new(0),
            asleep: AtomicBool::new(false),
            bell: bell::Bell::default(),
        }),
        free: AtomicU64::new(0),
    })
}

/// A waker of a thread without wires.
struct Waker(Arc<Table>, Ticket);

impl Waker {
    fn new(table: &Arc<Table>, ticket: Ticket) -> Waker {
        table.clone_waker(ticket);
        Waker(Arc::clone(table), ticket)
    }

    fn wake(&self) {
        assert_eq!(self.0.wake(self.1, 0), None);
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        assert_eq!(self.0.drop_waker(self.1, 0), None);
    }
}

/// Waits as a thread does that has no other wire; says whether anybody was expected to wake it.
fn wait(table: &Table, home: HomeId, ticket: Ticket) -> bool {
    let expected = match table.begin_wait(ticket) {
        Wait::Woken => return true,
        Wait::Begun { expected } => expected,
    };
    while expected && !table.is_woken(ticket) {
        if table.may_sleep(home) {
            table.home(home).bell.wait();
        }
        table.awake(home);
        table.drain(home, ptr::null(), |_| ());
    }
    expected
}

/// With the threads gone, all slots can be had, each once.
fn all_slots_are_free(table: &Table, home: HomeId) {
    table.drain(home, ptr::null(), |_| panic!("a wire that does not wait"));
    let slots = [(); 3].map(|()| table.claim(home, WIRE));
    assert!(slots[0].is_some() && slots[1].is_some() && slots[0] != slots[1]);
    assert_eq!(slots[2], None);
}

/// All orders with at most so many switches that no step asked for: with one more they take an hour,
/// and it is known of such models that almost every fault shows with two.
fn all_orders(switches: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(switches));
    builder.check(model);
}

/// A wait for as many things as there are threads that do them, one each.
fn nothing_is_slept_through<const WAKERS: usize>() {
    all_orders(4 - WAKERS, || {
        let table = table();
        let home = table.take_home().unwrap();
        let ticket = table.claim(home, WIRE).unwrap();
        let flags = [(); WAKERS].map(|()| Arc::new(AtomicBool::new(false)));
        let wakers = flags.clone().map(|flag| {
            let waker = Waker::new(&table, ticket);
            thread::spawn(move || {
                // The wake-up alone has to make this seen.
                flag.store(true, Ordering::Relaxed);
                waker.wake();
            })
        });
        loop {
            table.begin_poll(ticket);
            if flags.iter().all(|flag| flag.load(Ordering::Relaxed)) {
                break;
            }
            assert!(wait(&table, home, ticket), "nobody left, and not all seen");
        }
        table.end(ticket);
        for thread in wakers {
            thread.join().unwrap();
        }
        all_slots_are_free(&table, home);
    });
}

#[test]
fn one_waker_is_never_slept_through() {
    nothing_is_slept_through::<1>();
}

#[test]
fn two_wakers_are_never_slept_through() {
    nothing_is_slept_through::<2>();
}

#[test]
fn the_last_waker_is_missed_when_it_goes() {
    all_orders(3, || {
        let table = table();
        let home = table.take_home().unwrap();
        let ticket = table.claim(home, WIRE).unwrap();
        table.begin_poll(ticket);
        let waker = Waker::new(&table, ticket);
        let thread = thread::spawn(move || drop(waker));
        if wait(&table, home, ticket) {
            // Woken, and at the next wait there is nobody.
            table.begin_poll(ticket);
            assert!(!wait(&table, home, ticket));
        }
        table.end(ticket);
        thread.join().unwrap();
        all_slots_are_free(&table, home);
    });
}

#[test]
fn a_wait_that_ends_early_leaves_nothing() {
    all_orders(3, || {
        let table = table();
        let home = table.take_home().unwrap();
        let ticket = table.claim(home, WIRE).unwrap();
        table.begin_poll(ticket);
        let waker = Waker::new(&table, ticket);
        let thread = thread::spawn(move || waker.wake());
        table.begin_wait(ticket);
        // Interrupted; the next wait is not disturbed by wakers of this one.
        table.end(ticket);
        let next = table.claim(home, WIRE).unwrap();
        table.begin_poll(next);
        assert_eq!(table.begin_wait(next), Wait::Begun { expected: false });
        thread.join().unwrap();
        table.drain(home, ptr::null(), |_| panic!("a wire that was not woken"));
        assert!(!table.is_woken(next));
        table.end(next);
        all_slots_are_free(&table, home);
    });
}

#[test]
fn a_late_wake_up_arrives_at_the_next_thread_of_its_place() {
    all_orders(2, || {
        let table = table();
        let home = table.take_home().unwrap();
        let ticket = table.claim(home, WIRE).unwrap();
        table.begin_poll(ticket);
        let waker = Waker::new(&table, ticket);
        let late = thread::spawn(move || waker.wake());
        table.begin_wait(ticket);
        table.end(ticket);
        table.leave_home(home);

        let theirs = Arc::clone(&table);
        let next = thread::spawn(move || {
            let table = theirs;
            let home = table.take_home().unwrap();
            let ticket = table.claim(home, WIRE).unwrap();
            table.begin_poll(ticket);
            let waker = Waker::new(&table, ticket);
            let thread = thread::spawn(move || waker.wake());
            assert!(wait(&table, home, ticket));
            table.end(ticket);
            thread.join().unwrap();
            home
        });
        let home = next.join().unwrap();
        late.join().unwrap();
        all_slots_are_free(&table, home);
    });
}

#[test]
fn a_late_wake_up_is_known_as_such_to_the_next_thread_of_its_place() {
    all_orders(2, || {
        let table = table();
        let home = table.take_home().unwrap();
        let ticket = table.claim(home, WIRE).unwrap();
        table.begin_poll(ticket);
        let waker = Waker::new(&table, ticket);
        let late = thread::spawn(move || waker.wake());
        let theirs = Arc::clone(&table);
        let next = thread::spawn(move || {
            if let Some(home) = theirs.take_home() {
                theirs.drain(home, ptr::null(), |_| panic!("a wire of another thread"));
                theirs.leave_home(home);
            }
        });
        table.begin_wait(ticket);
        table.end(ticket);
        table.leave_home(home);
        late.join().unwrap();
        next.join().unwrap();
        all_slots_are_free(&table, table.take_home().unwrap());
    });
}

#[test]
fn slots_are_given_out_once() {
    all_orders(3, || {
        let table = table();
        let home = table.take_home().unwrap();
        let theirs = Arc::clone(&table);
        let thread = thread::spawn(move || {
            // The first one comes back while others may be looking at it.
            let first = theirs.claim(home, WIRE);
            let second = theirs.claim(home, WIRE);
            first.inspect(|&first| theirs.end(first));
            second
        });
        let own = table.claim(home, WIRE);
        let their_own = thread.join().unwrap();
        assert!(own.is_none() || own != their_own);
        own.into_iter()
            .chain(their_own)
            .for_each(|ticket| table.end(ticket));
        all_slots_are_free(&table, home);
    });
}
