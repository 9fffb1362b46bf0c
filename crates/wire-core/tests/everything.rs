//! All that wires can do to each other, at random: whatever happens, each is listed while it lives and
//! no longer, every value is dropped once, every control block and stack comes back.
mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use common::{Drops, OnDrop, SIZE, in_child, reason, stack};
use wire_core::{
    Handle, JoinError, JoinHandle, Runtime, Stack, WaitQueue, Wire, WireInfo, WireLocal, block,
    check_interrupt, request_dump, run, scope, shield, suspend, walk, yield_now,
};

const PLACES: usize = 40;
const STARTS: usize = 3000;

static DEPTH: WireLocal<u32> = WireLocal::new();

/// Memory for one wire.
struct Place {
    wire: Wire,
    low: NonNull<u8>,
    lent: Cell<bool>,
}

impl Place {
    fn stack(&'static self) -> Stack<'static> {
        unsafe fn back(place: *const ()) {
            // SAFETY: places are leaked, and used by one thread.
            let place = unsafe { &*place.cast::<Place>() };
            assert!(place.lent.replace(false));
        }
        assert!(!self.lent.replace(true));
        // SAFETY: leaked, large enough, and lent to nobody else; the hook writes a cell.
        unsafe { Stack::from_raw(self.low, SIZE).with_hook(back, std::ptr::from_ref(self).cast()) }
    }
}

struct World {
    places: Vec<&'static Place>,
    queue: &'static WaitQueue,
    seed: Cell<u64>,
    started: Cell<usize>,
    panics: Cell<u32>,
    handles: RefCell<Vec<JoinHandle<'static, Value>>>,
    names: RefCell<Vec<Handle<'static>>>,
    main: Cell<Option<Handle<'static>>>,
    drops: Drops,
    made: Cell<u32>,
}

type Value = Box<dyn std::any::Any>;

impl World {
    fn below(&self, bound: usize) -> usize {
        let mut seed = self.seed.get();
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        self.seed.set(seed);
        (seed % bound as u64) as usize
    }

    /// Something whose drop is counted; some of them yield when dropped.
    fn value(&self) -> Value {
        self.made.set(self.made.get() + 1);
        let counted = self.drops.counted();
        let yields = self.below(8) == 0;
        Box::new(OnDrop(move || {
            let _ = &counted;
            if yields && !std::thread::panicking() && check_interrupt().is_ok() {
                yield_now();
            }
        }))
    }

    fn any_name(&self) -> Option<Handle<'static>> {
        let names = self.names.borrow();
        (!names.is_empty()).then(|| names[self.below(names.len())])
    }

    fn any_handle(&self) -> Option<JoinHandle<'static, Value>> {
        let mut handles = self.handles.borrow_mut();
        (!handles.is_empty()).then(|| {
            let at = self.below(handles.len());
            handles.swap_remove(at)
        })
    }

    /// The list is what it should be.
    fn check(&self) {
        let (mut count, mut running) = (0, 0);
        walk(|info| {
            count += 1;
            running += u32::from(info.is_running());
            let plain = info.name() != "main" && info.name() != "child";
            assert!(!plain || info.stack().1 == SIZE);
            assert_eq!(info.stack_used().is_none(), info.name() == "main");
        });
        let names = self.names.borrow();
        let living: usize = names.iter().filter(|wire| !wire.is_finished()).count();
        MOST.set(MOST.get().max(living));
        assert_eq!((count, running), (living + 1 + children(), 1));
    }
}

thread_local!(static MOST: Cell<usize> = const { Cell::new(0) });
thread_local!(static CHILDREN: Cell<usize> = const { Cell::new(0) });

/// Living wires of scopes, which have no names that could be kept.
fn children() -> usize {
    CHILDREN.get()
}

/// One thing a wire may do. What ends it unwinds.
fn act(world: &Rc<World>) {
    match world.below(24) {
        0..5 => start(world),
        5..10 => yield_now(),
        10..12 => match world.any_name() {
            Some(wire) if world.below(4) > 0 => wire.resume(),
            _ => world.main.get().unwrap().resume(),
        },
        12 => {
            if let Some(wire) = world.any_name() {
                wire.cancel();
            }
        }
        13 => {
            // Not its own: that would be stuck.
            let me = Handle::current();
            if let Some(wire) = world.any_handle() {
                if me == Some(wire.handle()) {
                    return wire.detach();
                }
                wire.handle().resume();
                match wire.join() {
                    Ok(value) => drop(value),
                    Err(JoinError::Panicked(_) | JoinError::Cancelled) => {}
                    Err(JoinError::Interrupted(why)) => assert_eq!(check_interrupt(), Err(why)),
                }
            }
        }
        14 => drop(world.any_handle()),
        15 | 16 => _ = suspend(),
        17 => _ = world.queue.wait(reason()),
        18 => _ = world.queue.wake_all(),
        19 => {
            let depth = DEPTH.try_with(|depth| *depth).unwrap_or(0);
            DEPTH.set(depth + 1, || {
                yield_now();
                assert_eq!(DEPTH.get(), depth + 1);
            });
        }
        20 => shield(|| {
            yield_now();
            yield_now();
        }),
        21 => {
            let child = Wire::new();
            let caught = catch_unwind(AssertUnwindSafe(|| {
                scope(|s| {
                    // A pair drops its first part first: that one may yield, and the wire lives on.
                    let gone = OnDrop(|| CHILDREN.set(CHILDREN.get() - 1));
                    let parts = (world.value(), gone);
                    let body = || {
                        let _parts = parts;
                        yield_now();
                        let _ = block(reason());
                    };
                    CHILDREN.set(CHILDREN.get() + 1);
                    let wire = s.spawn(&child, stack(), "child", body).unwrap();
                    yield_now();
                    yield_now();
                    wire.cancel();
                    wire.detach();
                });
            }));
            assert!(!child.is_in_use());
            if let Err(payload) = caught {
                std::panic::resume_unwind(payload);
            }
        }
        // Written by whichever wire switches, blocks or ends when the scheduler finds out.
        22 if world.below(8) == 0 => request_dump(),
        22 => world.check(),
        _ => {
            let _value = world.value();
            if world.below(3) == 0 {
                world.panics.set(world.panics.get() + 1);
                std::panic::resume_unwind(Box::new("at random"));
            }
        }
    }
}

fn start(world: &Rc<World>) {
    let first = world.below(PLACES);
    let place = world.places[first];
    if world.started.get() >= STARTS {
        return;
    }
    if place.wire.is_in_use() {
        // Refused, if it is asked for; its stack must not be lent twice.
        return;
    }
    world.started.set(world.started.get() + 1);
    let (inner, value) = (Rc::clone(world), world.value());
    let body = move || {
        let kept = value;
        for _ in 0..inner.below(30) {
            act(&inner);
        }
        drop(kept);
        inner.value()
    };
    let wire = place.wire.spawn(place.stack(), "wire", body).unwrap();
    {
        let mut names = world.names.borrow_mut();
        names.retain(|wire| !wire.is_finished());
        names.push(wire.handle());
    }
    match world.below(3) {
        0 => wire.detach(),
        _ => world.handles.borrow_mut().push(wire),
    }
}

fn check(seed: u64) {
    let places = (0..PLACES)
        .map(|_| {
            let (wire, low) = (Wire::new(), stack().low());
            let place = Place {
                wire,
                low,
                lent: Cell::new(false),
            };
            &*Box::leak(Box::new(place))
        })
        .collect();
    let world = Rc::new(World {
        places,
        queue: Box::leak(Box::default()),
        seed: Cell::new(seed),
        started: Cell::new(0),
        panics: Cell::new(0),
        handles: RefCell::default(),
        names: RefCell::default(),
        main: Cell::new(None),
        drops: Drops::new(),
        made: Cell::new(0),
    });
    let mut rounds = 0;
    while world.started.get() < STARTS {
        rounds += 1;
        assert!(rounds < 1000, "it does not get on");
        let mut told = |info: WireInfo| assert!(info.waits_for().is_some());
        // It ends by a random panic, or as all wires are stuck, or at last.
        let main = || {
            world.main.set(Handle::current());
            while world.started.get() < STARTS {
                let acted = catch_unwind(AssertUnwindSafe(|| act(&world)));
                match acted {
                    Err(payload) if world.below(20) == 0 || check_interrupt().is_err() => {
                        std::panic::resume_unwind(payload);
                    }
                    // Most panics of its own it lives through.
                    _ => start(&world),
                }
            }
        };
        let main = || Runtime::new().on_stuck(&mut told).run(main).is_ok();
        let _ = catch_unwind(AssertUnwindSafe(main));
        assert!(world.queue.is_empty());
        assert_eq!(CHILDREN.get(), 0);
        run(|| world.check());
    }
    world.handles.borrow_mut().clear();
    for place in &world.places {
        assert!(!place.wire.is_in_use() && !place.lent.get());
    }
    assert_eq!(world.drops.count(), world.made.get());
    // Enough went on at a time, and wrong.
    assert!(MOST.take() > 20 && world.panics.get() > 100);
}

#[test]
fn whatever_wires_do_to_each_other_nothing_is_lost() {
    // In a process of its own, for the sake of the many reports of panics that nobody joins.
    let test = "whatever_wires_do_to_each_other_nothing_is_lost";
    let Some(output) = in_child(test, || {
        for seed in [1, 0x5eed, 0xdead_beef, 0x1234_5678_9abc] {
            check(seed);
        }
    }) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said
        .lines()
        .rev()
        .find(|line| !line.starts_with("libwire: "));
    assert!(output.status.success(), "{:?}: {last:?}", output.status);
    let reports = said.matches("panicked, and nobody joins it").count();
    let dumps = said.matches("all wires of this OS thread").count();
    assert!(reports > 100 && dumps > 20, "{reports} {dumps}");
}
