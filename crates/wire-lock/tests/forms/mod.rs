//! Every way to wait in this crate, for tests of what must hold for all of them: cancellation here, deadlines in
//! `tests/tests/lock_deadlines.rs`. Who includes it names the crates: `locks`, `waits` and `wires`.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared, and every test file uses its own part"
)]

use std::cell::Cell;
use std::fmt::Debug;

use super::locks::{Barrier, Condvar, Lock, Mutex, OnceCell, RwLock, Semaphore, WaitGroup};
use super::waits::{Wakeup, wait};
use super::wires::{Interrupt, JoinHandle, yield_now};

/// Something that is not to be had yet.
pub struct Form {
    pub name: &'static str,
    /// Waits for it, and gives it back.
    pub wait: Box<dyn Fn() -> Result<(), Interrupt>>,
    give: Box<dyn Fn()>,
    given: Cell<bool>,
    /// Whether it is to be had by whoever comes.
    pub is_free: Box<dyn Fn() -> bool>,
    /// What reports say of a wire that waits.
    pub reason: String,
    /// It is to be had again and again. Conditions and barriers only pass on those who wait.
    pub stays: bool,
}

impl Form {
    /// Makes it to be had, or hands it to who waits, unless that was done.
    pub fn give(&self) {
        if !self.given.replace(true) {
            (self.give)();
        }
    }
}

pub fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn nobody_waits(object: &dyn Debug) -> bool {
    format!("{object:?}").contains("awaited: false")
}

/// Spawns a wire; each includer has its own way.
pub type Spawn = fn(Box<dyn FnOnce()>) -> JoinHandle<'static, ()>;

/// All of them, afresh. To be called in a wire.
pub fn forms(spawn: Spawn) -> Vec<Form> {
    let mut forms = Vec::new();
    locks(&mut forms);
    semaphores(&mut forms);
    rwlocks(&mut forms);
    conditions(&mut forms);
    cells(&mut forms, spawn);
    others(&mut forms);
    forms
}

type Wait<T> = fn(&'static T) -> Result<(), Interrupt>;

fn locks(forms: &mut Vec<Form>) {
    let waits: [(&str, &str, Wait<Lock>); 4] = [
        ("Lock::lock", "lock", |lock| lock.lock().map(drop)),
        ("Lock::take", "lock", |lock| {
            lock.take().map(|()| lock.release())
        }),
        ("Lock as a source", "lock", |lock| wait(&lock).map(drop)),
        ("Lock::wait_clear", "lock to be clear", Lock::wait_clear),
    ];
    for (name, reason, wait) in waits {
        let lock = leak(Lock::new());
        assert!(lock.try_take());
        forms.push(Form {
            name,
            wait: Box::new(move || wait(lock)),
            given: Cell::new(false),
            give: Box::new(|| lock.release()),
            is_free: Box::new(|| !lock.is_held() && nobody_waits(lock)),
            reason: format!("{reason} at {lock:p}"),
            stays: true,
        });
    }
    let waits: [(&str, &str, Wait<Mutex<u32>>); 3] = [
        ("Mutex::lock", "mutex", |mutex| mutex.lock().map(drop)),
        ("Mutex as a source", "mutex", |mutex| wait(&mutex).map(drop)),
        ("Mutex::wait_clear", "lock to be clear", Mutex::wait_clear),
    ];
    for (name, reason, wait) in waits {
        let mutex = leak(Mutex::new(0));
        let guard = leak(Cell::new(mutex.try_lock()));
        forms.push(Form {
            name,
            wait: Box::new(move || wait(mutex)),
            given: Cell::new(false),
            give: Box::new(|| drop(guard.take())),
            is_free: Box::new(|| !mutex.is_locked()),
            reason: format!("{reason} at {mutex:p}"),
            stays: true,
        });
    }
}

fn semaphores(forms: &mut Vec<Form>) {
    let waits: [(&str, Wait<Semaphore>); 5] = [
        ("Semaphore::acquire", |semaphore| {
            semaphore.acquire().map(drop)
        }),
        ("Semaphore::take", |semaphore| {
            semaphore.take().map(|()| semaphore.release())
        }),
        ("Semaphore as a source", |semaphore| {
            wait(&semaphore).map(drop)
        }),
        ("Semaphore::acquire_many", |semaphore| {
            semaphore.acquire_many(3).map(drop)
        }),
        ("Semaphore::take_many", |semaphore| {
            semaphore.take_many(3).map(|()| semaphore.add(3))
        }),
    ];
    for (name, wait) in waits {
        let many = name.contains("many");
        // Two of three, which who waits keeps for itself, or none of one.
        let (left, all) = if many { (2, 3) } else { (0, 1) };
        let semaphore = leak(Semaphore::new(left));
        forms.push(Form {
            name,
            wait: Box::new(move || wait(semaphore)),
            given: Cell::new(false),
            give: Box::new(|| semaphore.release()),
            is_free: Box::new(move || semaphore.available() == all && nobody_waits(semaphore)),
            reason: format!("semaphore at {semaphore:p}"),
            stays: true,
        });
    }
}

fn rwlocks(forms: &mut Vec<Form>) {
    let waits: [(&str, &str, Wait<RwLock<u32>>); 4] = [
        ("RwLock::read", "read", |lock| lock.read().map(drop)),
        ("RwLock::reading", "read", |lock| {
            wait(&lock.reading()).map(drop)
        }),
        ("RwLock::write", "write", |lock| lock.write().map(drop)),
        ("RwLock::write behind a reader", "write", |lock| {
            lock.write().map(drop)
        }),
    ];
    for (name, reason, wait) in waits {
        let lock = leak(RwLock::new(0));
        let reader = name.contains("reader").then(|| lock.try_read().unwrap());
        let guard = (reader, lock.try_write());
        let guard = leak(Cell::new(Some(guard)));
        forms.push(Form {
            name,
            wait: Box::new(move || wait(lock)),
            given: Cell::new(false),
            give: Box::new(|| drop(guard.take())),
            is_free: Box::new(|| lock.try_write().is_some()),
            reason: format!("rwlock {reason} at {lock:p}"),
            stays: true,
        });
    }
}

fn conditions(forms: &mut Vec<Form>) {
    let (mutex, changed) = (leak(Mutex::new(())), leak(Condvar::new()));
    forms.push(Form {
        name: "Condvar::wait",
        wait: Box::new(|| changed.wait(&mut mutex.try_lock().unwrap())),
        given: Cell::new(false),
        give: Box::new(|| _ = changed.notify_one()),
        is_free: Box::new(|| !mutex.is_locked() && nobody_waits(changed)),
        reason: format!("condition at {changed:p}"),
        stays: false,
    });
    let (mutex, changed) = (leak(Mutex::new(false)), leak(Condvar::new()));
    forms.push(Form {
        name: "Condvar::wait_while",
        wait: Box::new(|| changed.wait_while(&mut mutex.try_lock().unwrap(), |done| !*done)),
        given: Cell::new(false),
        give: Box::new(|| {
            *mutex.try_lock().unwrap() = true;
            changed.notify_all();
        }),
        is_free: Box::new(|| !mutex.is_locked() && nobody_waits(changed)),
        reason: format!("condition at {changed:p}"),
        stays: true,
    });
}

fn cells(forms: &mut Vec<Form>, spawn: Spawn) {
    let waits: [(&str, Wait<OnceCell<u32>>); 4] = [
        ("OnceCell::get_or_init", |cell| {
            cell.get_or_init(|| 2).map(drop)
        }),
        ("OnceCell::get_or_try_init", |cell| {
            cell.get_or_try_init(|| Err("no")).map(drop)
        }),
        ("OnceCell::wait", |cell| cell.wait().map(drop)),
        ("OnceCell as a source", |cell| wait(&cell).map(drop)),
    ];
    for (name, wait) in waits {
        let (cell, enough) = (leak(OnceCell::new()), leak(Wakeup::new()));
        // A wire is at it, until it is told that it has worked enough.
        let make = || _ = cell.get_or_init(|| enough.wait().map_or(0, |()| 1));
        spawn(Box::new(make)).detach();
        yield_now();
        forms.push(Form {
            name,
            wait: Box::new(move || wait(cell)),
            given: Cell::new(false),
            give: Box::new(|| {
                enough.resume();
                yield_now();
            }),
            is_free: Box::new(|| cell.get() == Some(&1)),
            reason: format!("once at {cell:p}"),
            stays: true,
        });
    }
}

fn others(forms: &mut Vec<Form>) {
    let waits: [(&str, Wait<WaitGroup>); 2] = [
        ("WaitGroup::wait", WaitGroup::wait),
        ("WaitGroup as a source", |group| wait(group)),
    ];
    for (name, wait) in waits {
        let group = leak(WaitGroup::new());
        group.add(1);
        forms.push(Form {
            name,
            wait: Box::new(move || wait(group)),
            given: Cell::new(false),
            give: Box::new(|| group.done()),
            is_free: Box::new(|| group.count() == 0 && nobody_waits(group)),
            reason: format!("wait group at {group:p}"),
            stays: true,
        });
    }
    let barrier = leak(Barrier::new(2));
    forms.push(Form {
        name: "Barrier::wait",
        wait: Box::new(|| barrier.wait().map(drop)),
        given: Cell::new(false),
        give: Box::new(|| {
            if barrier.waiting() == 1 {
                assert!(barrier.wait().unwrap().is_leader());
            }
        }),
        is_free: Box::new(|| barrier.waiting() == 0),
        reason: format!("barrier at {barrier:p}"),
        stays: false,
    });
}
