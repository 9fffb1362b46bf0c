//! What every crate in this place must promise, tested without a look at the system: a port runs
//! these, too, and may leave out none.
mod child;

use std::hint::black_box;

use child::child;
use wire_stack::wire_core::{Local, Stack, Wire, run, scope};
use wire_stack::{Arena, Guards, Mapping, SMALLEST_STACK, Slab, StackError, StaticStack};

type Large = StaticStack<{ 64 * 1024 }>;

fn bounds(stack: &Stack<'_>) -> (usize, usize) {
    (stack.low().addr().get(), stack.size())
}

/// Writes to every byte of a stack.
fn fill(stack: &Stack<'_>, byte: u8) {
    // SAFETY: all of it is writable, and nothing runs there.
    unsafe { stack.low().write_bytes(byte, stack.size()) };
}

fn is_filled(stack: &Stack<'_>, byte: u8) -> bool {
    // SAFETY: all of it is readable, and written by `fill`.
    let bytes = unsafe { std::slice::from_raw_parts(stack.low().as_ptr(), stack.size()) };
    bytes.iter().all(|&found| found == byte)
}

/// Goes down the stack until a frame is below this address, and comes back.
fn sink(below: usize) -> usize {
    let frame = black_box([below; 16]);
    if (&raw const frame).addr() >= below {
        black_box(sink(below)) + black_box(frame)[1]
    } else {
        0
    }
}

/// Leaves the stack by its lower end, by less than the least of guards, and returns. If nothing
/// stops that, so does this.
fn overflow(stack: Stack<'static>) {
    static WIRE: Local<Wire> = Local::new(Wire::new());
    let below = stack.low().addr().get() - 1024;
    run(|| {
        let wire = WIRE.spawn(stack, "overflows", move || _ = sink(below));
        wire.unwrap().join().unwrap();
    });
}

/// That it was stopped in the overflow, and not by anything else.
#[track_caller]
fn ended_by_the_system(output: &std::process::Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), None, "{:?}: {text}", output.status);
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn an_overflow_of_an_arenas_stack_ends_the_program_in_the_guard() {
    let name = "an_overflow_of_an_arenas_stack_ends_the_program_in_the_guard";
    let output = child(name, || {
        let arena = Arena::builder().count(3).guard_size(1);
        let arena: &Arena = Box::leak(Box::new(arena.build().unwrap()));
        let _lower = arena.stack().unwrap();
        overflow(arena.stack().unwrap());
    });
    ended_by_the_system(&output);
}

#[test]
fn a_stack_that_was_used_and_given_back_still_has_its_guard() {
    let name = "a_stack_that_was_used_and_given_back_still_has_its_guard";
    let output = child(name, || {
        let arena = Arena::builder().guard_size(1).build().unwrap();
        let arena: &Arena = Box::leak(Box::new(arena));
        fill(&arena.stack().unwrap(), 1);
        arena.give_back();
        let mut stack = arena.stack().unwrap();
        arena.give_back_lent(&mut stack);
        overflow(stack);
    });
    ended_by_the_system(&output);
}

#[test]
fn an_overflow_of_a_static_stack_ends_the_program_in_the_guard() {
    static STACK: Local<Large> = Local::new(StaticStack::new());
    let name = "an_overflow_of_a_static_stack_ends_the_program_in_the_guard";
    let output = child(name, || overflow(STACK.stack().unwrap()));
    ended_by_the_system(&output);
}

#[test]
fn a_static_stack_guarded_by_choice_still_has_its_guard_when_given_back() {
    static STACK: Local<Large> = Local::new(StaticStack::new());
    let name = "a_static_stack_guarded_by_choice_still_has_its_guard_when_given_back";
    let output = child(name, || {
        drop(STACK.stack_guarded_by(Guards::Mprotect).unwrap());
        STACK.give_back();
        overflow(STACK.stack().unwrap());
    });
    ended_by_the_system(&output);
}

#[test]
fn a_static_stack_without_a_note_has_a_guard() {
    static STACK: Local<Large> = Local::new(StaticStack::new());
    let output = child("a_static_stack_without_a_note_has_a_guard", || {
        // SAFETY: not lent, and used by nobody else.
        overflow(unsafe { STACK.stack_unnoted() }.unwrap());
    });
    ended_by_the_system(&output);
}

#[test]
fn lent_memory_is_all_usable_and_stays_as_and_where_it_is() {
    // Built on one thread and used on another.
    let arena = Arena::builder().count(40).stack_size(SMALLEST_STACK + 1);
    let arena = std::thread::spawn(move || arena.build().unwrap());
    let arena = arena.join().unwrap();
    assert!(arena.stack_size() > SMALLEST_STACK && arena.guard_size() > 0);
    let first = bounds(&arena.stack().unwrap());
    // Idle stacks stay where they are, even if the arena moves.
    let arena = Box::new(arena);
    let stacks: Vec<_> = (0..40).map(|_| arena.stack().unwrap()).collect();
    assert_eq!(bounds(&stacks[0]), first);
    for (byte, stack) in (0..).zip(&stacks) {
        let (low, size) = bounds(stack);
        assert!(
            low.is_multiple_of(16) && size.is_multiple_of(16),
            "{stack:?}"
        );
        assert!(size > arena.stack_size() - 4096, "{stack:?}");
        fill(stack, byte);
    }
    for (byte, stack) in (0..).zip(&stacks) {
        assert!(is_filled(stack, byte), "{stack:?}");
    }
}

#[test]
fn no_two_share_a_stack() {
    static STACK: Local<Large> = Local::new(StaticStack::new());
    let stack = STACK.stack().unwrap();
    assert!(STACK.is_in_use());
    assert_eq!(STACK.stack().unwrap_err(), StackError::InUse);
    let by_hand = STACK.stack_guarded_by(Guards::Mprotect);
    assert_eq!(by_hand.unwrap_err(), StackError::InUse);
    fill(&stack, 7);
    STACK.give_back();
    assert!(STACK.is_in_use() && is_filled(&stack, 7), "it is lent");
    let at = bounds(&stack);
    drop(stack);
    assert!(!STACK.is_in_use());
    assert_eq!(bounds(&STACK.stack().unwrap()), at);

    let arena = Arena::builder().count(2).build().unwrap();
    let [first, second] = [(); 2].map(|()| arena.stack().unwrap());
    assert_ne!(bounds(&first), bounds(&second));
    fill(&first, 1);
    fill(&second, 2);
    arena.give_back();
    assert!(is_filled(&first, 1) && is_filled(&second, 2), "lent");
    assert_eq!(
        arena.stack().unwrap_err(),
        StackError::Exhausted { count: 2 }
    );
    assert_eq!((arena.in_use(), arena.count()), (2, 2));
}

#[test]
fn a_stack_is_back_before_its_wire_is_joined() {
    static STACK: Local<Large> = Local::new(StaticStack::new());
    let arena = Arena::builder().build().unwrap();
    let wire = Wire::new();
    run(|| {
        scope(|s| {
            for round in 0..3 {
                for stack in [arena.stack(), STACK.stack()] {
                    let stack = stack.expect("the one before is over");
                    let wire = s.spawn(&wire, stack, "short", move || round).unwrap();
                    assert_eq!(wire.join().unwrap(), round);
                    assert!(arena.in_use() <= 1);
                }
            }
        });
    });
    assert!(arena.in_use() == 0 && !STACK.is_in_use());
}

#[test]
fn what_cannot_be_had_is_an_error_with_words() {
    let errors = [
        Arena::builder().stack_size(SMALLEST_STACK - 1).build(),
        Arena::builder().count(usize::MAX).build(),
        Arena::builder().stack_size(usize::MAX).build(),
        Arena::builder().guard_size(usize::MAX).build(),
        Arena::builder().count(1 << 20).stack_size(1 << 30).build(),
    ];
    let kinds = errors.map(|error| {
        let error = error.unwrap_err();
        assert!(error.to_string().len() > 20, "{error}");
        match error {
            StackError::TooSmall { least, .. } if least == SMALLEST_STACK => 's',
            StackError::TooLarge => 'l',
            StackError::Map { .. } => 'm',
            _ => '?',
        }
    });
    assert_eq!(kinds, ['s', 'l', 'l', 'l', 'm']);
    assert_eq!(
        Slab::<u64>::new(usize::MAX / 2).unwrap_err(),
        StackError::TooLarge
    );
    let none = Arena::builder().count(0).build().unwrap();
    assert_eq!(
        none.stack().unwrap_err(),
        StackError::Exhausted { count: 0 }
    );
}

#[test]
fn mappings_and_slabs_are_zeroes_at_the_start_of_a_page() {
    let mapping = Mapping::new(5000).unwrap();
    assert!(mapping.size() >= 5000 && mapping.low().addr().get().is_multiple_of(4096));
    // SAFETY: good for reads over its whole size.
    let bytes = unsafe { std::slice::from_raw_parts(mapping.low().as_ptr(), mapping.size()) };
    assert!(bytes.iter().all(|&byte| byte == 0));
    assert!(Mapping::new(0).unwrap().size() > 0);

    let slab = Slab::<u64>::new(1000).unwrap();
    assert_eq!(slab.places().len(), 1000);
    let last = slab.places()[999].get();
    // SAFETY: a place of the slab, zero at first, which is a number.
    unsafe {
        assert_eq!((*last).assume_init(), 0);
        (*last).write(7);
        assert_eq!((*slab.places()[999].get()).assume_init(), 7);
    }
    assert_eq!(Slab::<u64>::new(0).unwrap().places().len(), 0);
}

#[test]
fn an_unused_static_stack_takes_no_room_in_the_file() {
    const SIZE: usize = 256 << 20;
    static STACK: Local<StaticStack<SIZE>> = Local::new(StaticStack::new());
    assert!(!STACK.is_in_use());
    let file = std::env::current_exe().unwrap();
    let length = std::fs::metadata(file).unwrap().len();
    assert!(length < SIZE as u64 / 2, "{length} bytes");
}

#[test]
fn what_is_dropped_goes_back_to_the_system() {
    // More in all than the 47 bits of addresses that a process commonly has.
    const SIZE: usize = 2 << 30;
    for round in 0..(1 << 47) / SIZE + 100 {
        let arena = Arena::builder().stack_size(SIZE).build();
        let arena = arena.unwrap_or_else(|error| panic!("round {round}: {error}"));
        drop(arena.stack().unwrap());
    }
}

#[test]
fn what_belongs_to_another_is_refused() {
    static STACK: Local<Large> = Local::new(StaticStack::new());
    fn panics(f: impl FnOnce()) -> bool {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err()
    }
    let arenas = [(); 2].map(|()| Arena::builder().build().unwrap());
    let [mut first, mut second] = [0, 1].map(|at: usize| arenas[at].stack().unwrap());
    assert!(panics(|| arenas[0].give_back_lent(&mut second)));
    assert!(panics(|| arenas[1].give_back_lent(&mut first)));
    let mut fixed = STACK.stack().unwrap();
    assert!(panics(|| arenas[0].give_back_lent(&mut fixed)));
    assert!(panics(|| STACK.give_back_lent(&mut first)));
    STACK.give_back_lent(&mut fixed);
    arenas[0].give_back_lent(&mut first);
    // Both are usable still.
    fill(&fixed, 1);
    fill(&first, 1);
    assert!(STACK.is_in_use());
}
