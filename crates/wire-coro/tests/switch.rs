//! What a switch must do, whichever backend does it.
use std::cell::RefCell;
use wire_coro::{Context, Entry, MIN_STACK};

const STACK: usize = 64 * 1024;

struct World {
    root: Context,
    a: Context,
    b: Context,
    trace: RefCell<Vec<&'static str>>,
}

#[repr(align(16))]
struct Stack([u8; STACK]);

fn stack() -> Box<Stack> {
    // SAFETY: any bytes are a `Stack`.
    unsafe { Box::new_uninit().assume_init() }
}

/// Runs `a` and `b` on stacks of their own, starting with `a`, until somebody switches to the root.
fn with_world(a: Entry, b: Entry) -> Vec<&'static str> {
    let (mut sa, mut sb) = (stack(), stack());
    let mut world = World {
        root: Context::new(),
        a: Context::new(),
        b: Context::new(),
        trace: RefCell::default(),
    };
    let w = &raw mut world;
    // SAFETY: stacks and world live until both are over, which the tests below see to.
    unsafe {
        Context::prepare(&raw mut (*w).a, sa.0.as_mut_ptr(), STACK, a, w.cast());
        Context::prepare(&raw mut (*w).b, sb.0.as_mut_ptr(), STACK, b, w.cast());
        Context::switch(&raw mut (*w).root, &raw mut (*w).a);
    }
    world.trace.into_inner()
}

unsafe extern "C" fn ping(arg: *mut (), _top: *mut u8) -> *mut Context {
    let w = arg.cast::<World>();
    // SAFETY: the world outlives its computations.
    unsafe {
        for _ in 0..2 {
            (*w).trace.borrow_mut().push("ping");
            Context::switch(&raw mut (*w).a, &raw mut (*w).b);
        }
        &raw mut (*w).b
    }
}

unsafe extern "C" fn pong(arg: *mut (), _top: *mut u8) -> *mut Context {
    let w = arg.cast::<World>();
    // SAFETY: the world outlives its computations.
    unsafe {
        for _ in 0..2 {
            (*w).trace.borrow_mut().push("pong");
            Context::switch(&raw mut (*w).b, &raw mut (*w).a);
        }
        &raw mut (*w).root
    }
}

#[test]
fn two_prepared_contexts_switch_to_each_other_and_end_at_the_root() {
    assert_eq!(with_world(ping, pong), ["ping", "pong", "ping", "pong"]);
}

unsafe extern "C" fn straight_to_root(arg: *mut (), _top: *mut u8) -> *mut Context {
    // SAFETY: as above.
    unsafe { &raw mut (*arg.cast::<World>()).root }
}

#[test]
fn a_context_never_switched_to_costs_nothing() {
    assert!(with_world(straight_to_root, pong).is_empty());
}

/// Values of every register class live across a switch in a function that keeps many of them.
unsafe extern "C" fn juggle(arg: *mut (), _top: *mut u8) -> *mut Context {
    let w = arg.cast::<World>();
    let mut ints: [u64; 12] = std::array::from_fn(|i| i as u64 + std::hint::black_box(1));
    let mut floats: [f64; 12] = std::array::from_fn(|i| i as f64 + std::hint::black_box(0.5));
    for _ in 0..100 {
        // SAFETY: as above; `b` switches straight back.
        unsafe { Context::switch(&raw mut (*w).a, &raw mut (*w).b) };
        for (i, f) in ints.iter_mut().zip(&mut floats) {
            *i = i.wrapping_mul(3);
            *f += 1.0;
        }
    }
    let power = (0..100).fold(1_u64, |p, _| p.wrapping_mul(3));
    let kept = ints
        .iter()
        .enumerate()
        .all(|(n, i)| *i == (n as u64 + 1).wrapping_mul(power))
        && floats
            .iter()
            .enumerate()
            .all(|(n, f)| *f == n as f64 + 100.5);
    // SAFETY: as above.
    unsafe {
        (*w).trace
            .borrow_mut()
            .push(if kept { "kept" } else { "lost" });
        &raw mut (*w).root
    }
}

unsafe extern "C" fn disturb(arg: *mut (), _top: *mut u8) -> *mut Context {
    let w = arg.cast::<World>();
    let mut noise = [0_u64; 16];
    loop {
        for (n, x) in noise.iter_mut().enumerate() {
            *x = x.wrapping_add(std::hint::black_box(n as u64 * 7919));
        }
        // SAFETY: as above.
        unsafe { Context::switch(&raw mut (*w).b, &raw mut (*w).a) };
    }
}

#[test]
fn registers_live_across_a_switch() {
    // `disturb` is left stopped for good: it owns nothing, and its stack is plain bytes. With
    // corosensei a stopped coroutine is unwound on drop, so forget the context instead.
    let (mut sa, mut sb) = (stack(), stack());
    let mut world = std::mem::ManuallyDrop::new(World {
        root: Context::new(),
        a: Context::new(),
        b: Context::new(),
        trace: RefCell::default(),
    });
    let w = &raw mut *world;
    // SAFETY: stacks and world outlive the last switch.
    unsafe {
        Context::prepare(&raw mut (*w).a, sa.0.as_mut_ptr(), STACK, juggle, w.cast());
        Context::prepare(&raw mut (*w).b, sb.0.as_mut_ptr(), STACK, disturb, w.cast());
        Context::switch(&raw mut (*w).root, &raw mut (*w).a);
    }
    assert_eq!(*world.trace.borrow(), ["kept"]);
}

unsafe extern "C" fn catch(arg: *mut (), _top: *mut u8) -> *mut Context {
    let w = arg.cast::<World>();
    let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new("payload")));
    let frames = std::backtrace::Backtrace::force_capture().to_string();
    // SAFETY: as above.
    unsafe {
        if caught.is_err_and(|p| p.is::<&str>()) {
            (*w).trace.borrow_mut().push("caught");
        }
        // On other machines corosensei lets them go on to who resumed it.
        let ends = !frames.contains("with_world") || std::env::consts::ARCH != "x86_64";
        if frames.contains("catch") && ends {
            (*w).trace.borrow_mut().push("backtrace ends");
        }
        &raw mut (*w).root
    }
}

#[test]
fn unwinding_and_backtraces_stay_on_their_stack() {
    assert_eq!(with_world(catch, pong), ["caught", "backtrace ends"]);
}

#[test]
fn the_stack_is_aligned_for_vector_code() {
    unsafe extern "C" fn entry(arg: *mut (), _top: *mut u8) -> *mut Context {
        #[repr(align(64))]
        struct Line([u8; 64]);
        let line = std::hint::black_box(Line([7; 64]));
        let w = arg.cast::<World>();
        // SAFETY: as above.
        unsafe {
            if (&raw const line).addr().is_multiple_of(64) && line.0.iter().all(|b| *b == 7) {
                (*w).trace.borrow_mut().push("aligned");
            }
            &raw mut (*w).root
        }
    }
    assert_eq!(with_world(entry, pong), ["aligned"]);
    const { assert!(STACK >= MIN_STACK) }
}

unsafe extern "C" fn looks(arg: *mut (), top: *mut u8) -> *mut Context {
    let w = arg.cast::<World>();
    let mut here = 0_u8;
    std::hint::black_box(&raw mut here);
    // SAFETY: as above.
    unsafe {
        Context::switch(&raw mut (*w).a, &raw mut (*w).b);
        let stopped = (*w).a.stack_pointer().addr();
        // In the frame of this function, or in one right below.
        assert!(stopped < top.addr() && stopped.abs_diff((&raw const here).addr()) < 1024);
        (*w).trace.borrow_mut().push("looked");
        &raw mut (*w).root
    }
}

unsafe extern "C" fn back_to_a(arg: *mut (), top: *mut u8) -> *mut Context {
    let w = arg.cast::<World>();
    // SAFETY: as above.
    unsafe {
        // Not written to since it was prepared.
        assert_eq!((*w).b.stack_pointer(), top.cast_const());
        &raw mut (*w).a
    }
}

#[test]
fn a_context_tells_how_far_down_it_stopped() {
    assert!(Context::new().stack_pointer().is_null());
    assert_eq!(with_world(looks, back_to_a), ["looked"]);
}
