//! A closure that runs on a thread of the pool while its wire waits.
//!
//! ```text
//!   wire's frame:  Call { job, post, closure → result, done }
//!   wire thread:   submit(job) … waits, shielded … ◄── post is called: done, wire goes on
//!   pool thread:                  job: runs the closure, leaves the result, posts
//! ```
//!
//! From `submit` to the post the call belongs to the pool thread; it never touches it again after
//! posting, for then the frame may be gone.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};

use wire_core::{Kind, Reason, WaitQueue, outside, shield};
use wire_fd::{Post, Waker, expect_post, waker};

use crate::pool::{Job, Pool};

static OFFLOAD: Kind = Kind::new("offloaded call");

enum Stage<F, R> {
    Waiting(F),
    Running,
    Ended(Result<R, Box<dyn Any + Send>>),
}

#[repr(C)]
struct Call<F, R> {
    /// First, so that a pointer to it is one to the call.
    job: UnsafeCell<Job>,
    head: Head,
    stage: UnsafeCell<Stage<F, R>>,
}

/// What the wire thread needs to know when the post arrives.
#[repr(C)]
struct Head {
    /// First, for the same reason.
    post: Post,
    waker: Waker,
    done: Cell<bool>,
    queue: WaitQueue,
}

/// Runs `f` on a thread of the program's [`Pool`] and returns what it does, or panics as it does.
/// Only the calling wire waits. Outside a wire, and while the wire unwinds and so cannot wait, `f`
/// simply runs here.
///
/// `f` may borrow from the frame. Cancellation and deadlines are put off until it has ended.
pub fn offload<F, R>(f: F) -> R
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    Pool::global().offload(f)
}

impl Pool {
    /// [`offload`] on this pool.
    pub fn offload<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        if !outside::in_wire() || std::thread::panicking() {
            return f();
        }
        // Without a monitor there is no way to wait, but there is one to get the work done.
        let Ok(waker) = waker() else { return f() };
        let head = Head {
            post: Post::new(arrived),
            waker,
            done: Cell::new(false),
            queue: WaitQueue::new(),
        };
        let call = Call {
            job: UnsafeCell::new(Job::new(run::<F, R>)),
            head,
            stage: UnsafeCell::new(Stage::Waiting(f)),
        };
        let waited = expect_post(|| {
            // SAFETY: the call stays in this frame until it is done: the wait below ends with that
            // only. `F` and `R` are `Send`.
            unsafe { self.submit(NonNull::from(&call).cast()) };
            shield(|| {
                while !call.head.done.get() {
                    // Neither an interrupt nor unwinding can end it, being shielded and not
                    // panicking; a spurious return is told by `done`.
                    let _ = call
                        .head
                        .queue
                        .wait(Reason::on(&OFFLOAD, ptr::from_ref(self)));
                }
            });
        });
        match (waited, call.stage.into_inner()) {
            (_, Stage::Ended(Ok(value))) => value,
            (_, Stage::Ended(Err(payload))) => resume_unwind(payload),
            // The monitor could not be started, so nothing was submitted.
            (_, Stage::Waiting(f)) => f(),
            (_, Stage::Running) => unreachable!("the wait ended before the call did"),
        }
    }
}

/// On a thread of the pool.
unsafe fn run<F, R>(job: NonNull<Job>)
where
    F: FnOnce() -> R,
{
    let call = job.cast::<Call<F, R>>().as_ptr();
    // SAFETY: `job` is the first field of a call that is ours alone until it is posted. The waker
    // is cloned because posting uses it beyond the moment at which the frame may go.
    unsafe {
        let stage = (*call).stage.get();
        if let Stage::Waiting(f) = ptr::replace(stage, Stage::Running) {
            stage.write(Stage::Ended(catch_unwind(AssertUnwindSafe(f))));
        }
        let waker = (*call).head.waker.clone();
        waker.post(NonNull::new_unchecked(&raw mut (*call).head.post));
    }
}

/// On the wire thread.
unsafe fn arrived(post: NonNull<Post>) {
    // SAFETY: the post is the first field of the head of a call whose wire waits.
    let head = unsafe { post.cast::<Head>().as_ref() };
    head.done.set(true);
    head.queue.wake_one();
}
