//! Values that each wire has of its own, for the time of a closure.
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{Drops, Log, SIZE, spawn, stack};
use wire_core::outside::without_wire;
use wire_core::{
    JoinError, NotSet, Runtime, Stack, Wire, WireInfo, WireLocal, run, suspend, yield_now,
};

static ID: WireLocal<u32> = WireLocal::new();
static OTHER: WireLocal<u32> = WireLocal::new();
static SHARED: WireLocal<Rc<Cell<u32>>> = WireLocal::new();

fn id() -> Option<u32> {
    ID.try_with(|id| *id).ok()
}

#[test]
fn each_wire_has_its_own_across_yields() {
    run(|| {
        let log = Log::new();
        let wires = [1, 2, 3].map(|n| {
            let log = log.clone();
            spawn("wire", move || {
                assert_eq!(id(), None);
                ID.set(n, || {
                    for _ in 0..3 {
                        log.add(ID.get().to_string());
                        yield_now();
                        assert_eq!(id(), Some(n));
                    }
                });
                assert_eq!(id(), None);
            })
        });
        for wire in wires {
            assert_eq!(id(), None);
            wire.join().unwrap();
        }
        assert_eq!(log.take(), "1 2 3 1 2 3 1 2 3");
    });
}

#[test]
fn the_inner_value_shadows_the_outer_one_until_it_is_gone() {
    run(|| {
        ID.set(1, || {
            let inner = ID.set(2, || {
                ID.set(3, || assert_eq!(ID.get(), 3));
                ID.get()
            });
            assert_eq!((inner, ID.get()), (2, 1));
        });
        assert_eq!(id(), None);
    });
}

#[test]
fn keys_do_not_mix() {
    run(|| {
        ID.set(1, || {
            assert_eq!(OTHER.try_with(|n| *n), Err(NotSet));
            OTHER.set(2, || {
                ID.set(3, || assert_eq!((ID.get(), OTHER.get()), (3, 2)));
                assert_eq!((ID.get(), OTHER.get()), (1, 2));
                assert!(SHARED.try_with(|_| ()).is_err());
            });
        });
    });
}

#[test]
fn a_panic_unsets_what_it_leaves_and_drops_it() {
    static DROPS: WireLocal<Box<dyn std::any::Any>> = WireLocal::new();
    run(|| {
        let drops = Drops::new();
        let counted = drops.counted();
        ID.set(1, || {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                ID.set(2, || DROPS.set(Box::new(counted), || panic!("on purpose")));
            }));
            assert!(caught.is_err());
            assert_eq!(ID.get(), 1);
        });
        assert_eq!(drops.count(), 1);
        assert!(DROPS.try_with(|_| ()).is_err());
    });
}

#[test]
fn cancellation_unsets_too_and_destructors_see_what_is_still_set() {
    run(|| {
        let log = Log::new();
        let (inner, outer) = (log.clone(), log.clone());
        let wire = spawn("wire", move || {
            let seen = move |log: &Log| log.add(format!("{:?}", id()));
            let _outer = common::OnDrop(|| seen(&outer));
            ID.set(1, || {
                let _inner = common::OnDrop(|| seen(&inner));
                ID.set(2, || {
                    loop {
                        yield_now();
                    }
                })
            })
        });
        yield_now();
        wire.cancel();
        assert!(matches!(wire.join(), Err::<(), _>(JoinError::Cancelled)));
        assert_eq!(log.take(), "Some(1) None");
    });
}

#[test]
fn the_value_is_unset_before_it_is_dropped() {
    thread_local!(static SEEN: Cell<bool> = const { Cell::new(false) });
    struct Looks;
    impl Drop for Looks {
        fn drop(&mut self) {
            SEEN.set(LOOKS.try_with(|_| ()).is_err());
        }
    }
    static LOOKS: WireLocal<Looks> = WireLocal::new();
    LOOKS.set(Looks, || LOOKS.with(|_| ()));
    assert!(SEEN.get());
}

#[test]
fn a_wire_started_inside_does_not_inherit_it() {
    run(|| {
        ID.set(1, || {
            let wire = spawn("wire", || (id(), ID.set(2, id)));
            assert_eq!(wire.join().unwrap(), (None, Some(2)));
            assert_eq!(ID.get(), 1);
        });
    });
}

#[test]
fn a_control_block_used_again_starts_without_values() {
    let wire: &'static Wire = common::wire();
    run(|| {
        for _ in 0..2 {
            let job = || (id(), ID.set(1, suspend));
            let job = wire.spawn(stack(), "wire", job).unwrap();
            yield_now();
            job.handle().resume();
            assert_eq!(job.join().unwrap(), (None, Ok(())));
        }
    });
}

#[test]
fn outside_run_each_os_thread_has_its_own() {
    ID.set(1, || {
        let elsewhere = std::thread::spawn(|| (id(), ID.set(2, id)));
        assert_eq!(elsewhere.join().unwrap(), (None, Some(2)));
        // The main wire is another one.
        run(|| {
            assert_eq!(id(), None);
            ID.set(3, || assert_eq!(ID.get(), 3));
        });
        assert_eq!(ID.get(), 1);
        let caught = catch_unwind(|| run(|| ID.set(4, || panic!("on purpose"))));
        assert!(caught.is_err());
        assert_eq!(ID.get(), 1);
        run(|| assert_eq!(id(), None));
    });
    assert_eq!(id(), None);
}

#[test]
fn code_called_as_if_outside_sees_what_is_set_outside() {
    ID.set(1, || {
        let mut seen = None;
        let mut told = |_: WireInfo| seen = Some((id(), OTHER.set(5, || OTHER.get())));
        let ended = Runtime::new().on_stuck(&mut told).run(|| {
            ID.set(2, || {
                assert_eq!(without_wire(id), Some(1));
                assert_eq!(without_wire(|| ID.set(3, id)), Some(3));
                assert_eq!(ID.get(), 2);
                assert!(suspend().is_err()); // nobody resumes it
                assert_eq!(ID.get(), 2);
            });
        });
        assert_eq!(ended, Ok(()));
        assert_eq!(seen, Some((Some(1), 5)));
        assert_eq!(ID.get(), 1);
    });
}

#[test]
fn the_value_is_shared_and_may_be_of_any_type() {
    run(|| {
        let count = Rc::new(Cell::new(0));
        SHARED.set(Rc::clone(&count), || {
            SHARED.with(|outer| {
                // Changed while it is looked at, and shadowed while it is looked at.
                outer.set(1);
                SHARED.set(Rc::default(), || SHARED.with(|inner| inner.set(7)));
                assert_eq!(outer.get(), 1);
            });
        });
        assert_eq!((count.get(), Rc::strong_count(&count)), (1, 1));
    });
}

#[test]
fn using_what_is_not_set_panics_with_what_to_do() {
    let payload = run(|| catch_unwind(|| ID.get())).unwrap_err();
    let said = payload.downcast_ref::<String>().unwrap();
    assert!(said.contains("set(value, || …)"), "{said}");
    assert_eq!(said, &NotSet.to_string());
}

struct Counting;

thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });

// SAFETY: all is passed on; counting needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as the caller's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn nothing_is_allocated() {
    let wire = common::wire();
    let low = stack().low();
    let before = COUNT.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(COUNT.get() - before, 2, "the counter counts");
    let uses = || {
        assert_eq!(id(), None);
        ID.set(1, || {
            yield_now();
            OTHER.set(2, || assert_eq!((ID.get(), OTHER.get()), (1, 2)));
        });
    };
    let before = COUNT.get();
    uses();
    for _ in 0..3 {
        run(|| {
            // SAFETY: leaked, and used again when the wire before is over.
            let stack = unsafe { Stack::from_raw(low, SIZE) };
            let other = wire.spawn(stack, "wire", uses).unwrap();
            uses();
            other.join().unwrap();
        });
    }
    assert_eq!(COUNT.get() - before, 0);
}
