//! The real side: puppets, and the director who follows a sequence with them and the model.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::mem::forget;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Once;

use wire_core::outside::{clear_deadline, deadline_passed};
use wire_core::{JoinHandle, Wire, is_only_one, suspend, yield_now};

use super::play::{Event, Play};
use super::tally::Tally;
use super::{Model, PUPPETS, Step};
use crate::common::{SIZE, stack_in};

/// Wires that take turns for ever will be caught at it.
const TURNS: usize = 10_000;

/// How a sequence failed, and whether its wires are gone.
pub struct Failure {
    pub what: String,
    pub clean: bool,
}

/// Memory for puppets, one sequence after the other.
pub struct Places {
    wires: [NonNull<Wire>; PUPPETS],
    stacks: [NonNull<u8>; PUPPETS],
}

impl Places {
    const STACK: Layout = match Layout::from_size_align(SIZE, 4096) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    };

    pub fn new() -> Places {
        Places {
            wires: std::array::from_fn(|_| NonNull::from(Box::leak(Box::new(Wire::new())))),
            stacks: std::array::from_fn(|_| {
                // SAFETY: the layout has a size.
                NonNull::new(unsafe { alloc(Places::STACK) }).expect("memory for a stack")
            }),
        }
    }
}

impl Drop for Places {
    /// Whoever has failed to end the wires in here forgets this.
    fn drop(&mut self) {
        for index in 0..PUPPETS {
            // SAFETY: from `new`, and `follow` has left no wire that uses it.
            unsafe {
                drop(Box::from_raw(self.wires[index].as_ptr()));
                dealloc(self.stacks[index].as_ptr(), Places::STACK);
            }
        }
    }
}

thread_local! {
    /// Panics in this thread are kept rather than printed.
    static KEEPING: Cell<bool> = const { Cell::new(false) };
    static KEPT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// From here on, panics of this thread are part of what is told about a sequence.
pub fn keep_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if KEEPING.get() {
                KEPT.with_borrow_mut(|kept| kept.push(info.to_string()));
            } else {
                print(info);
            }
        }));
    });
    KEEPING.set(true);
}

struct Shared<M: Model> {
    real: NonNull<M::Real>,
    log: RefCell<Vec<Event<M::Outcome>>>,
}

/// What a puppet was told and has not begun.
type Told<M> = Rc<RefCell<VecDeque<(<M as Model>::Op, bool)>>>;

/// Notes that a puppet is over, however that came.
struct Leaving<M: Model>(usize, Rc<Shared<M>>);

impl<M: Model> Drop for Leaving<M> {
    fn drop(&mut self) {
        self.1.log.borrow_mut().push(Event::Left(self.0));
    }
}

struct Puppet<M: Model> {
    told: Told<M>,
    handle: Option<JoinHandle<'static, ()>>,
}

struct Cast<'p, M: Model> {
    places: &'p Places,
    shared: Rc<Shared<M>>,
    puppets: [Puppet<M>; PUPPETS],
}

/// Follows a sequence, inside `run()`. If that fails and the wires would not go, their memory has to
/// stay: forget `places`, and never leave `run()`.
pub fn follow<M: Model>(
    places: &Places,
    steps: &[Step<M::Op>],
    tally: &mut Tally<M::Op>,
) -> Result<(), Failure> {
    KEPT.with_borrow_mut(Vec::clear);
    let real = NonNull::from(Box::leak(Box::new(M::Real::default())));
    let mut cast = Cast::<M> {
        places,
        shared: Rc::new(Shared {
            real,
            log: RefCell::default(),
        }),
        puppets: std::array::from_fn(|_| Puppet {
            told: Rc::default(),
            handle: None,
        }),
    };
    let mut play = Play::new(tally);
    let result = catch_unwind(AssertUnwindSafe(|| {
        steps
            .iter()
            .try_for_each(|step| cast.step(step, &mut play))?;
        cast.end(&mut play)
    }));
    let what = match result {
        Ok(Ok(())) => {
            // SAFETY: from the box above, and those who used it are gone.
            let dropped = || drop(unsafe { Box::from_raw(real.as_ptr()) });
            match catch_unwind(AssertUnwindSafe(dropped)) {
                Ok(()) => return Ok(()),
                Err(_) => String::from("what was shared cannot be dropped"),
            }
        }
        Ok(Err(what)) => what,
        Err(_) => String::from("real and model are not the same"),
    };
    let clean = cast.clear();
    let kept = KEPT.with_borrow_mut(std::mem::take);
    let what = std::iter::once(what).chain(kept).collect::<Vec<_>>();
    if !clean {
        forget(cast);
    }
    Err(Failure {
        what: what.join("\n"),
        clean,
    })
}

impl<M: Model> Cast<'_, M> {
    fn real(&self) -> &'static M::Real {
        // SAFETY: `follow` frees it only when all puppets are gone, and what they got with them; no
        // model keeps it elsewhere.
        unsafe { self.shared.real.as_ref() }
    }

    fn wire(&self, who: usize) -> &'static Wire {
        // SAFETY: `Places` outlives the puppets.
        unsafe { self.places.wires[who].as_ref() }
    }

    fn step(&mut self, step: &Step<M::Op>, play: &mut Play<'_, M>) -> Result<(), String> {
        match *step {
            Step::Do(who, op) => self.tell(who, op, false, play),
            Step::Unwind(who, op) => self.tell(who, op, true, play),
            Step::Cancel(who) => {
                if let Some(handle) = &self.puppets[who].handle {
                    handle.cancel();
                }
                play.cancel(who);
            }
            Step::Deadline(who) => {
                if play.deadline(who) {
                    deadline_passed(self.wire(who));
                }
            }
            Step::CancelWoken => {
                if let Some(who) = play.woken() {
                    return self.step(&Step::Cancel(who), play);
                }
            }
            Step::DeadlineWoken => {
                if let Some(who) = play.woken() {
                    return self.step(&Step::Deadline(who), play);
                }
            }
            Step::Turn => return self.turn(play),
            Step::Settle => return self.settle(play),
        }
        Ok(())
    }

    fn tell(&mut self, who: usize, op: M::Op, unwind: bool, play: &mut Play<'_, M>) {
        if !play.listens(who) {
            return;
        }
        let (gone, idle) = (play.is_gone(who), play.is_idle(who));
        if gone {
            self.puppets[who].told.borrow_mut().clear();
        }
        self.puppets[who].told.borrow_mut().push_back((op, unwind));
        if gone {
            self.start(who);
        } else if idle && let Some(handle) = &self.puppets[who].handle {
            handle.handle().resume();
        }
        play.tell(who, op, unwind);
    }

    fn start(&mut self, who: usize) {
        let (wire, real) = (self.wire(who), self.real());
        let (told, shared) = (self.puppets[who].told.clone(), self.shared.clone());
        let leaving = Leaving(who, shared.clone());
        let life = move || {
            let _leaving = leaving;
            let mut held = M::Held::default();
            loop {
                let next = told.borrow_mut().pop_front();
                if let Some((op, unwind)) = next {
                    let outcome = if unwind {
                        unwinding(|| M::act(real, &mut held, op))
                    } else {
                        M::act(real, &mut held, op)
                    };
                    // As at the end of the scope whose deadline it was.
                    clear_deadline(wire);
                    shared.log.borrow_mut().push(Event::Did(who, outcome));
                } else if suspend().is_err() {
                    return;
                }
            }
        };
        // `Places` outlives the puppets, and the one before is gone.
        let stack = stack_in(self.places.stacks[who]);
        self.puppets[who].handle = Some(wire.spawn(stack, "puppet", life).unwrap());
    }

    fn turn(&mut self, play: &mut Play<'_, M>) -> Result<(), String> {
        yield_now();
        play.turn();
        self.compare_logs(play)?;
        for (who, puppet) in self.puppets.iter_mut().enumerate() {
            if play.is_gone(who)
                && let Some(handle) = puppet.handle.take()
            {
                // A panic, or that it never ran: the events tell.
                let _ = handle.join();
            }
        }
        play.model.compare(self.real(), false);
        Ok(())
    }

    fn compare_logs(&mut self, play: &mut Play<'_, M>) -> Result<(), String> {
        let mut done = self.shared.log.borrow_mut();
        if *done != *play.log() {
            return Err(format!(
                "real:  {}\nmodel: {}",
                list(&done),
                list(play.log())
            ));
        }
        done.clear();
        play.log().clear();
        Ok(())
    }

    fn settle(&mut self, play: &mut Play<'_, M>) -> Result<(), String> {
        for _ in 0..TURNS {
            if play.nobody_is_ready() {
                return if is_only_one() {
                    Ok(())
                } else {
                    Err("real:  somebody can run\nmodel: nobody can".into())
                };
            }
            self.turn(play)?;
        }
        Err(format!("real and model: no end after {TURNS} turns"))
    }

    /// All do what they can, then leave, and nothing may be left behind.
    fn end(&mut self, play: &mut Play<'_, M>) -> Result<(), String> {
        self.settle(play)?;
        for who in 0..PUPPETS {
            self.puppets[who].told.borrow_mut().clear();
            play.untell(who);
            self.step(&Step::Cancel(who), play)?;
        }
        self.settle(play)?;
        for who in 0..PUPPETS {
            if !play.is_gone(who) {
                return Err(format!(
                    "real and model: {who} was cancelled and does not leave"
                ));
            }
        }
        play.model.compare(self.real(), true);
        Ok(())
    }

    /// Ends the wires of a sequence that failed, if they can be ended.
    fn clear(&mut self) -> bool {
        let alive = || {
            self.puppets
                .iter()
                .filter_map(|puppet| puppet.handle.as_ref())
        };
        alive().for_each(JoinHandle::cancel);
        for _ in 0..TURNS {
            if is_only_one() {
                break;
            }
            yield_now();
        }
        let clean = alive().all(JoinHandle::is_finished);
        if clean {
            for puppet in &mut self.puppets {
                let _ = puppet.handle.take().map(JoinHandle::join);
            }
        }
        clean
    }
}

/// Runs `act` in a destructor while this wire unwinds.
fn unwinding<T>(act: impl FnOnce() -> T) -> T {
    struct Last<'a, F: FnOnce() -> T, T>(Option<F>, &'a Cell<Option<T>>);
    impl<F: FnOnce() -> T, T> Drop for Last<'_, F, T> {
        fn drop(&mut self) {
            self.1.set(self.0.take().map(|act| act()));
        }
    }
    let result = Cell::new(None);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _last = Last(Some(act), &result);
        resume_unwind(Box::new(()))
    }));
    match unwound {
        Ok(()) => unreachable!("it unwinds"),
        Err(_) => result.take().expect("destructors run while unwinding"),
    }
}

fn list<O: Debug>(events: &[Event<O>]) -> String {
    let one = |event: &Event<O>| match event {
        Event::Did(who, outcome) => format!("{who}: {outcome:?}"),
        Event::Left(who) => format!("{who} leaves"),
    };
    match events {
        [] => "nothing".into(),
        _ => events.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}
