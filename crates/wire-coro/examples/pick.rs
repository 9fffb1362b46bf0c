//! Two stacks hand a number back and forth: the least one can do with this crate alone.
use wire_coro::{BACKEND, Context, MIN_STACK};

struct Shared {
    main: Context,
    other: Context,
    number: u64,
}

unsafe extern "C" fn double(arg: *mut (), _top: *mut u8) -> *mut Context {
    let shared = arg.cast::<Shared>();
    // SAFETY: `main` below lends its `Shared` for as long as this runs.
    unsafe {
        for _ in 0..9 {
            (*shared).number *= 2;
            Context::switch(&raw mut (*shared).other, &raw mut (*shared).main);
        }
        &raw mut (*shared).main
    }
}

#[repr(align(16))]
struct Stack([u8; 16 * MIN_STACK]);

fn main() {
    let mut stack = Box::new(Stack([0; 16 * MIN_STACK]));
    let mut shared = Shared {
        main: Context::new(),
        other: Context::new(),
        number: 1,
    };
    let (low, shared) = (stack.0.as_mut_ptr(), &raw mut shared);
    // SAFETY: stack and contexts outlive the ten switches, after which `double` is over.
    let number = unsafe {
        Context::prepare(
            &raw mut (*shared).other,
            low,
            size_of::<Stack>(),
            double,
            shared.cast(),
        );
        for _ in 0..10 {
            Context::switch(&raw mut (*shared).main, &raw mut (*shared).other);
        }
        (*shared).number
    };
    assert_eq!(number, 512);
    println!("{BACKEND} switch: 1 doubled nine times on another stack is {number}");
}
