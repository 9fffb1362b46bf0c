//! Messages from other OS threads to the wires of this one.
//!
//! ```text
//!   any thread: post ──► head ─► Post ─► Post ─► Post          newest first, each in memory that
//!                         │                                    its poster or receiver owns
//!   wire thread: drain takes all with one swap, calls them oldest first
//! ```
//!
//! The kernel is only troubled when the wire thread may sleep: it announces that, looks once more,
//! and then sleeps; who posts first after the announcement rings the bell. `tests/loom.rs` tries all
//! orders in which two threads can do these steps.

use std::fmt;
use std::ptr::{self, NonNull};

// `tests/loom.rs` compiles this file with its own versions of both.
use crate::bell::Bell;
use crate::sync::{Arc, AtomicBool, AtomicPtr, Ordering, fence};

/// A message: a function to be called, once, on the wire thread. It lies in memory of whoever waits
/// for it, usually as the first field of something larger.
#[repr(C)]
pub struct Post {
    next: AtomicPtr<Post>,
    call: unsafe fn(NonNull<Post>),
}

impl Post {
    /// A post that calls `call` with its own address.
    pub fn new(call: unsafe fn(NonNull<Post>)) -> Post {
        Post {
            next: AtomicPtr::new(ptr::null_mut()),
            call,
        }
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Post")
    }
}

#[derive(Debug)]
pub(crate) struct Mailbox {
    head: AtomicPtr<Post>,
    sleeping: AtomicBool,
    pub(crate) bell: Bell,
}

impl Mailbox {
    pub(crate) fn new(bell: Bell) -> Mailbox {
        Mailbox {
            head: AtomicPtr::new(ptr::null_mut()),
            sleeping: AtomicBool::new(false),
            bell,
        }
    }

    /// Announces that the wire thread may sleep; `false` if there is post, so that it must not.
    pub(crate) fn may_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::Relaxed);
        // Pairs with the fence in `post`: either we see the post, or its poster sees us asleep.
        fence(Ordering::SeqCst);
        if self.head.load(Ordering::Relaxed).is_null() {
            return true;
        }
        self.awake();
        false
    }

    /// Takes the announcement back.
    pub(crate) fn awake(&self) {
        self.sleeping.store(false, Ordering::Relaxed);
    }

    /// Calls all that was posted, oldest first; says how many.
    pub(crate) fn drain(&self) -> usize {
        if self.head.load(Ordering::Relaxed).is_null() {
            return 0;
        }
        let mut newest = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        let mut oldest: *mut Post = ptr::null_mut();
        // SAFETY: posted nodes stay until called, and the swap made them ours alone.
        while let Some(post) = unsafe { newest.as_ref() } {
            let next = post.next.swap(oldest, Ordering::Relaxed);
            oldest = newest;
            newest = next;
        }
        let mut count = 0;
        while let Some(post) = NonNull::new(oldest) {
            // SAFETY: as above; the call may end the post's life, so its link is read first.
            unsafe {
                oldest = post.as_ref().next.load(Ordering::Relaxed);
                (post.as_ref().call)(post);
            }
            count += 1;
        }
        count
    }
}

/// The address of a thread's wires for other OS threads: posts to them, and wakes them up.
///
/// Cheap to clone. It stays good after its thread has ended; posts then go nowhere.
#[derive(Clone, Debug)]
pub struct Waker {
    pub(crate) mailbox: Arc<Mailbox>,
}

impl Waker {
    /// Has `post`'s function called on the wire thread, between two wires. Never blocks, allocates
    /// nothing; makes a system call only if the wire thread may be asleep.
    ///
    /// # Safety
    ///
    /// The post is not under way already and stays in place until its function is called, which
    /// must be sound on the wire thread, must not block and must not unwind. From this call on it
    /// belongs to that thread.
    pub unsafe fn post(&self, post: NonNull<Post>) {
        let mailbox = &*self.mailbox;
        let mut head = mailbox.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: ours until the exchange succeeds.
            unsafe { post.as_ref() }.next.store(head, Ordering::Relaxed);
            match mailbox.head.compare_exchange_weak(
                head,
                post.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        fence(Ordering::SeqCst);
        // One of many posters rings: the one that takes the announcement away.
        let (asleep, awake) = (true, false);
        if mailbox.sleeping.load(Ordering::Relaxed)
            && mailbox
                .sleeping
                .compare_exchange(asleep, awake, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            mailbox.bell.ring();
        }
    }
}
