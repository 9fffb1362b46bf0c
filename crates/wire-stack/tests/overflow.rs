//! Overflows and other faults, each in a process of its own.
mod child;

use std::hint::black_box;

use child::{child, killed_by};
use libc::{SIGABRT, SIGBUS, SIGSEGV};
use wire_stack::wire_core::{Local, Wire, run, scope, yield_now};
use wire_stack::{Arena, ArenaBuilder, Guards, Mapping, StaticStack, detector};

/// Uses so many frames of half a kilobyte.
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == 0 {
        frame[0]
    } else {
        recurse(black_box(depth - 1)) + black_box(frame)[63]
    }
}

/// Runs `f` as wire 'victim' on the first stack of an arena.
fn on_arena(arena: ArenaBuilder, f: impl FnOnce()) {
    detector::install().unwrap();
    let arena = arena.build().unwrap();
    let wire = Wire::new();
    run(|| {
        scope(|s| {
            s.spawn(&wire, arena.stack().unwrap(), "victim", f)
                .unwrap()
                .join()
                .unwrap();
        });
    });
}

/// The number behind `0x` that follows `before`.
fn address(text: &str, before: &str) -> usize {
    let digits = &text[text.find(before).unwrap() + before.len()..];
    let end = digits
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(digits.len());
    usize::from_str_radix(&digits[..end], 16).unwrap()
}

#[test]
fn deep_recursion_is_told_with_name_address_stack_and_advice() {
    let output = child(
        "deep_recursion_is_told_with_name_address_stack_and_advice",
        || {
            on_arena(Arena::builder(), || _ = recurse(1_000_000));
        },
    );
    let text = killed_by(SIGSEGV, &output);
    assert!(
        text.contains("wire 'victim' overflowed its stack"),
        "{text}"
    );
    assert!(
        text.contains("give it a larger stack (`stack_size`"),
        "{text}"
    );
    let low = address(&text, "the stack 0x");
    let fault = address(&text, "fault at 0x");
    assert!((low - 65536..low).contains(&fault), "{text}");
    assert!(
        text.contains(&format!("{} bytes below", low - fault)),
        "{text}"
    );
    let size = address(&text, "..0x") - low;
    assert!(
        text.contains(&format!("{size} bytes\n")) && size <= 65536,
        "{text}"
    );
}

#[test]
fn guards_made_by_mprotect_are_hit_as_well() {
    let output = child("guards_made_by_mprotect_are_hit_as_well", || {
        on_arena(Arena::builder().guards(Guards::Mprotect), || {
            _ = recurse(1_000_000)
        });
    });
    let text = killed_by(SIGSEGV, &output);
    assert!(
        text.contains("wire 'victim' overflowed its stack"),
        "{text}"
    );
}

#[test]
fn a_frame_that_jumps_far_into_a_large_guard_is_told() {
    let output = child("a_frame_that_jumps_far_into_a_large_guard_is_told", || {
        on_arena(Arena::builder().guard_size(4 << 20), || {
            let here = black_box(0_u8);
            // SAFETY: not at all; this is what C code with a large frame and no probes does.
            unsafe {
                (&raw const here)
                    .wrapping_sub(3 << 20)
                    .cast_mut()
                    .write_volatile(1)
            };
        });
    });
    let text = killed_by(SIGSEGV, &output);
    assert!(
        text.contains("wire 'victim' overflowed its stack"),
        "{text}"
    );
}

/// Overflows a static stack guarded like this.
fn on_static(how: Guards) {
    static WIRE: Local<Wire> = Local::new(Wire::new());
    static STACK: Local<StaticStack<{ 64 * 1024 }>> = Local::new(StaticStack::new());
    detector::install().unwrap();
    run(|| {
        let stack = STACK.stack_guarded_by(how).unwrap();
        WIRE.spawn(stack, "static", || _ = recurse(1_000_000))
            .unwrap()
            .join()
            .unwrap();
    });
}

#[test]
fn static_stacks_are_guarded_by_their_lowest_pages() {
    let name = "static_stacks_are_guarded_by_their_lowest_pages";
    let text = killed_by(SIGSEGV, &child(name, || on_static(Guards::Markers)));
    assert!(
        text.contains("wire 'static' overflowed its stack"),
        "{text}"
    );
}

#[test]
fn static_stacks_are_guarded_by_mprotect_where_there_are_no_markers() {
    let name = "static_stacks_are_guarded_by_mprotect_where_there_are_no_markers";
    let text = killed_by(SIGSEGV, &child(name, || on_static(Guards::Mprotect)));
    assert!(
        text.contains("wire 'static' overflowed its stack"),
        "{text}"
    );
}

#[test]
fn an_underflow_is_told_apart() {
    let output = child("an_underflow_is_told_apart", || {
        detector::install().unwrap();
        let arena = Arena::builder().build().unwrap();
        let wire = Wire::new();
        let stack = arena.stack().unwrap();
        let high = stack.low().as_ptr().wrapping_add(arena.stack_size());
        run(|| {
            scope(|s| {
                // SAFETY: not at all.
                let beyond = move || unsafe { high.wrapping_add(8).write_volatile(1) };
                s.spawn(&wire, stack, "high", beyond)
                    .unwrap()
                    .join()
                    .unwrap();
            });
        });
    });
    let text = killed_by(SIGSEGV, &output);
    assert!(text.contains("wire 'high' underflowed its stack"), "{text}");
    assert!(text.contains("8 bytes past the end"), "{text}");
}

#[test]
fn an_overflow_while_leaving_is_told_of_the_wire_that_left() {
    let output = child(
        "an_overflow_while_leaving_is_told_of_the_wire_that_left",
        || {
            // Down to the last bytes of the stack, in steps of a word: some yield has no room.
            fn dig(depth: usize) {
                if depth < 10_000 {
                    yield_now();
                    dig(black_box(depth + 1));
                    black_box(depth);
                }
            }
            detector::install().unwrap();
            let arena = Arena::builder().count(2).build().unwrap();
            let wires = [Wire::new(), Wire::new()];
            run(|| {
                scope(|s| {
                    let digger = s.spawn(&wires[0], arena.stack().unwrap(), "digger", || dig(0));
                    let other = || loop {
                        yield_now();
                    };
                    s.spawn(&wires[1], arena.stack().unwrap(), "other", other)
                        .unwrap()
                        .detach();
                    digger.unwrap().join().unwrap();
                });
            });
        },
    );
    let text = killed_by(SIGSEGV, &output);
    assert!(
        text.contains("wire 'digger' overflowed its stack"),
        "{text}"
    );
}

#[test]
fn wires_of_a_second_thread_are_told_too() {
    let output = child("wires_of_a_second_thread_are_told_too", || {
        detector::install().unwrap();
        let thread = std::thread::spawn(|| {
            on_arena(Arena::builder(), || _ = recurse(1_000_000));
        });
        thread.join().unwrap();
    });
    let text = killed_by(SIGSEGV, &output);
    assert!(
        text.contains("wire 'victim' overflowed its stack"),
        "{text}"
    );
}

#[test]
fn threads_that_ran_wires_end_cleanly_with_the_detector_installed() {
    let output = child(
        "threads_that_ran_wires_end_cleanly_with_the_detector_installed",
        || {
            for _ in 0..100 {
                std::thread::spawn(|| on_arena(Arena::builder(), || _ = recurse(10)))
                    .join()
                    .unwrap();
            }
        },
    );
    child::success(&output);
}

#[test]
fn an_overflow_outside_wires_goes_to_the_earlier_handler() {
    let output = child(
        "an_overflow_outside_wires_goes_to_the_earlier_handler",
        || {
            detector::install().unwrap();
            run(|| recurse(100_000_000));
        },
    );
    let text = killed_by(SIGABRT, &output);
    assert!(text.contains("has overflowed its stack"), "{text}");
    assert!(!text.contains("libwire:"), "{text}");
}

#[test]
fn a_null_dereference_is_not_called_an_overflow() {
    let output = child("a_null_dereference_is_not_called_an_overflow", || {
        on_arena(Arena::builder(), || {
            // SAFETY: not at all.
            unsafe { black_box(std::ptr::null_mut::<u8>()).write_volatile(1) };
        });
    });
    let text = killed_by(SIGSEGV, &output);
    assert!(!text.contains("libwire:"), "{text}");
}

#[test]
fn a_bus_error_is_not_called_an_overflow() {
    let output = child("a_bus_error_is_not_called_an_overflow", || {
        on_arena(Arena::builder(), || {
            // SAFETY: a page of an empty file, whose contents are nowhere: a bus error.
            unsafe {
                let file = libc::memfd_create(c"empty".as_ptr(), 0);
                let access = libc::PROT_READ | libc::PROT_WRITE;
                let page = libc::mmap(
                    std::ptr::null_mut(),
                    4096,
                    access,
                    libc::MAP_SHARED,
                    file,
                    0,
                );
                page.cast::<u8>().write_volatile(1);
            }
        });
    });
    let text = killed_by(SIGBUS, &output);
    assert!(!text.contains("libwire:"), "{text}");
}

#[test]
fn a_signal_that_somebody_sent_still_ends_the_process() {
    let output = child("a_signal_that_somebody_sent_still_ends_the_process", || {
        // Rust's handler takes the first one for a fault and waits for the next.
        // SAFETY: back to the default.
        unsafe { libc::signal(SIGSEGV, libc::SIG_DFL) };
        on_arena(Arena::builder(), || {
            // SAFETY: sends a signal to this thread.
            unsafe { libc::raise(SIGSEGV) };
        });
    });
    let text = killed_by(SIGSEGV, &output);
    assert!(!text.contains("libwire:"), "{text}");
}

#[test]
fn handlers_that_were_there_before_are_called_after_the_report() {
    extern "C" fn plain(_: libc::c_int) {
        // SAFETY: async-signal-safe calls.
        unsafe {
            libc::write(2, c"the earlier one".as_ptr().cast(), 15);
            libc::_exit(7);
        }
    }
    let output = child(
        "handlers_that_were_there_before_are_called_after_the_report",
        || {
            // SAFETY: `plain` does only what a handler may.
            unsafe { libc::signal(SIGSEGV, plain as *const () as usize) };
            on_arena(Arena::builder(), || _ = recurse(1_000_000));
        },
    );
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{text}");
    let (report, earlier) = (
        text.find("overflowed").unwrap(),
        text.find("the earlier one").unwrap(),
    );
    assert!(report < earlier, "{text}");
}

#[test]
fn a_fault_that_an_earlier_handler_repairs_goes_on() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn repair(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        let page = PAGE.load(Ordering::Relaxed);
        // SAFETY: the kernel's information; the page is the scenario's own.
        unsafe {
            assert_eq!((*info).si_addr().addr(), page);
            libc::mprotect(page as *mut _, 4096, libc::PROT_READ | libc::PROT_WRITE);
        }
    }
    let output = child("a_fault_that_an_earlier_handler_repairs_goes_on", || {
        let mapping = Mapping::new(4096).unwrap();
        let page = mapping.low().as_ptr();
        PAGE.store(page.addr(), Ordering::Relaxed);
        // SAFETY: a handler of the three-argument kind; a page nobody else uses.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = repair as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(SIGSEGV, &raw const action, std::ptr::null_mut());
            libc::mprotect(page.cast(), 4096, libc::PROT_NONE);
        }
        // SAFETY: the handler makes the page writable.
        on_arena(Arena::builder(), || unsafe { page.write_volatile(1) });
    });
    let text = child::success(&output);
    assert!(!text.contains("libwire:"), "{text}");
}

#[test]
fn the_process_ends_even_if_the_stack_for_handlers_is_overrun() {
    extern "C" fn greedy(_: libc::c_int) {
        black_box(recurse(1_000_000));
    }
    let output = child(
        "the_process_ends_even_if_the_stack_for_handlers_is_overrun",
        || {
            // SAFETY: a handler that is itself at fault, on purpose.
            unsafe { libc::signal(SIGSEGV, greedy as *const () as usize) };
            on_arena(Arena::builder(), || _ = recurse(1_000_000));
        },
    );
    let text = killed_by(SIGSEGV, &output);
    assert!(
        text.contains("wire 'victim' overflowed its stack"),
        "{text}"
    );
}
