//! A closure on its way to another thread, without a box.

use std::fmt;
use std::mem::{self, MaybeUninit};

/// A closure in place, of any type of at most `BYTES` bytes: what a [`ThreadChannel`](crate::ThreadChannel)
/// carries for wires to be started on another thread. It stays in its slot until the other side has moved it.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use wire_fd::{Task, ThreadChannel};
///
/// static TASKS: ThreadChannel<Task<64>, 8> = ThreadChannel::new();
/// static SUM: AtomicU32 = AtomicU32::new(0);
///
/// let other = std::thread::spawn(|| {
///     wire_core::run(|| {
///         while let Ok(task) = TASKS.recv() {
///             task.run(); // or in a wire of its own: `pool.spawn_wait("task", move || task.run())`
///         }
///     });
/// });
/// wire_core::run(|| {
///     for n in 1..=10 {
///         TASKS.send(Task::new(move || drop(SUM.fetch_add(n, Ordering::Relaxed)))).unwrap();
///     }
///     TASKS.close();
/// });
/// other.join().unwrap();
/// assert_eq!(SUM.load(Ordering::Relaxed), 55);
/// ```
#[must_use = "it does nothing until it is run"]
pub struct Task<const BYTES: usize> {
    closure: Room<BYTES>,
    call: unsafe fn(*mut ()),
    drop: unsafe fn(*mut ()),
}

#[repr(C, align(16))]
struct Room<const BYTES: usize>(MaybeUninit<[u8; BYTES]>);

// SAFETY: what is inside is `Send`.
unsafe impl<const BYTES: usize> Send for Task<BYTES> {}

impl<const BYTES: usize> Task<BYTES> {
    /// Takes a closure in. One that is too large, or aligned to more than 16 bytes, does not compile.
    pub fn new<F: FnOnce() + Send + 'static>(f: F) -> Task<BYTES> {
        const {
            assert!(
                size_of::<F>() <= BYTES && align_of::<F>() <= 16,
                "the closure does not fit; give the Task more BYTES, or capture less"
            );
        }
        unsafe fn call<F: FnOnce()>(closure: *mut ()) {
            // SAFETY: a closure of this type, which nobody uses after this.
            let closure = unsafe { closure.cast::<F>().read() };
            closure();
        }
        unsafe fn drop<F>(closure: *mut ()) {
            // SAFETY: as above.
            unsafe { closure.cast::<F>().drop_in_place() };
        }
        let mut closure = Room(MaybeUninit::uninit());
        // SAFETY: large enough and aligned.
        unsafe { closure.0.as_mut_ptr().cast::<F>().write(f) };
        Task {
            closure,
            call: call::<F>,
            drop: drop::<F>,
        }
    }

    /// Calls the closure.
    pub fn run(self) {
        let mut this = mem::ManuallyDrop::new(self);
        // SAFETY: there since `new`, and not used again: `this` is not dropped.
        unsafe { (this.call)(this.closure.0.as_mut_ptr().cast()) };
    }
}

impl<const BYTES: usize> Drop for Task<BYTES> {
    fn drop(&mut self) {
        // SAFETY: there since `new`, and not used again.
        unsafe { (self.drop)(self.closure.0.as_mut_ptr().cast()) };
    }
}

impl<const BYTES: usize> fmt::Debug for Task<BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
