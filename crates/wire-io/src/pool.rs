//! OS threads that run what would block.
//!
//! ```text
//!   wires ──► bounded queue ──► threads, started when jobs wait and none is idle, up to the limit;
//!     │            ▲            retired when idle for long
//!     └► overflow ─┘            the list of jobs for which the queue had no room, oldest first
//! ```
//!
//! A job is a pointer into the frame of the wire that waits for it, so neither the queue nor the
//! overflow owns anything. A full queue never blocks an OS thread: the wire waits either way, and
//! its job moves up when a thread takes one out.

use std::fmt;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use nix::sys::signal::{SigSet, SigmaskHow};
use wire_core::outside;

/// The part of a job that threads know: a function and a link. It heads something larger.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Job {
    next: Option<JobRef>,
    run: unsafe fn(NonNull<Job>),
}

impl Job {
    pub(crate) fn new(run: unsafe fn(NonNull<Job>)) -> Job {
        Job { next: None, run }
    }
}

/// A job under way to a thread.
#[derive(Clone, Copy, Debug)]
struct JobRef(NonNull<Job>);

// SAFETY: `Pool::submit` was promised that the job may run on any thread.
unsafe impl Send for JobRef {}

impl JobRef {
    fn run(self) {
        // SAFETY: `Pool::submit` was promised that this call is fine, once; a job is taken out of
        // queue or overflow once.
        unsafe { (self.0.as_ref().run)(self.0) }
    }
}

/// Jobs waiting for room in the queue: a list through [`Job::next`].
#[derive(Debug, Default)]
struct Overflow {
    first: Option<JobRef>,
    last: Option<JobRef>,
}

impl Overflow {
    fn push(&mut self, job: JobRef) {
        match self.last.replace(job) {
            // SAFETY: jobs in the list are ours until they are taken out.
            Some(mut last) => unsafe { last.0.as_mut() }.next = Some(job),
            None => self.first = Some(job),
        }
    }

    fn pop(&mut self) {
        // SAFETY: as above.
        self.first = self
            .first
            .and_then(|mut first| unsafe { first.0.as_mut() }.next.take());
        if self.first.is_none() {
            self.last = None;
        }
    }
}

#[derive(Debug)]
struct Shared {
    sender: Sender<JobRef>,
    receiver: Receiver<JobRef>,
    overflow: Mutex<Overflow>,
    overflowing: AtomicUsize,
    threads: AtomicUsize,
    idle: AtomicUsize,
    max_threads: usize,
    keep_alive: Duration,
}

impl Shared {
    fn overflow(&self) -> MutexGuard<'_, Overflow> {
        self.overflow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves jobs from the overflow to the queue while there is room.
    fn move_up(&self) {
        // Pairs with the fence in `submit`: either we see its job in the overflow, or it sees the
        // room that we made in the queue.
        fence(Ordering::SeqCst);
        if self.overflowing.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut overflow = self.overflow();
        while let Some(first) = overflow.first {
            // Out of the list first: once it is sent, it may run and be gone.
            overflow.pop();
            if self.sender.try_send(first).is_err() {
                let rest = std::mem::take(&mut *overflow);
                overflow.push(first);
                if let Some(next) = rest.first {
                    overflow.push(next);
                    overflow.last = rest.last;
                }
                return;
            }
            self.overflowing.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A pool of threads for blocking calls. Wires of several OS threads can share one.
///
/// Threads are named `wire-io`, have all signals blocked, and retire after ten seconds without
/// work.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    /// A pool of at most `max_threads` threads, in front of which `queue` jobs fit; further ones
    /// wait in their wires. Starts no thread yet.
    ///
    /// # Panics
    ///
    /// If either number is 0.
    pub fn new(max_threads: usize, queue: usize) -> Pool {
        assert!(
            max_threads > 0 && queue > 0,
            "a pool needs at least one thread and room for one job"
        );
        let (sender, receiver) = bounded(queue);
        Pool {
            shared: Arc::new(Shared {
                sender,
                receiver,
                overflow: Mutex::default(),
                overflowing: AtomicUsize::new(0),
                threads: AtomicUsize::new(0),
                idle: AtomicUsize::new(0),
                max_threads,
                keep_alive: Duration::from_secs(10),
            }),
        }
    }

    /// The pool of the program: at most 16 threads, 256 jobs in the queue.
    pub fn global() -> &'static Pool {
        static GLOBAL: OnceLock<Pool> = OnceLock::new();
        GLOBAL.get_or_init(|| Pool::new(16, 256))
    }

    /// How many threads there are now.
    pub fn threads(&self) -> usize {
        self.shared.threads.load(Ordering::Relaxed)
    }

    /// Has a thread call `job`'s function.
    ///
    /// # Safety
    ///
    /// Calling it on another thread is sound, and the job stays in place until it was called. It is
    /// not under way already.
    pub(crate) unsafe fn submit(&self, job: NonNull<Job>) {
        let shared = &*self.shared;
        let job = JobRef(job);
        if shared.overflowing.load(Ordering::SeqCst) > 0 || shared.sender.try_send(job).is_err() {
            let mut overflow = shared.overflow();
            overflow.push(job);
            shared.overflowing.fetch_add(1, Ordering::SeqCst);
            drop(overflow);
            shared.move_up();
        }
        self.staff();
    }

    /// Starts a thread if jobs wait that no idle thread will take.
    fn staff(&self) {
        let shared = &self.shared;
        if shared.sender.len() <= shared.idle.load(Ordering::SeqCst) {
            return;
        }
        let one_more = |n: usize| (n < shared.max_threads).then_some(n + 1);
        if shared
            .threads
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
            .is_err()
        {
            return;
        }
        if self.start_thread().is_err() && shared.threads.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Not one thread to be had: late is better than never, so the jobs block this one. They
            // may be other wires' jobs, so to them this is a thread without wires.
            outside::without_wire(|| {
                while let Ok(job) = shared.receiver.try_recv() {
                    shared.move_up();
                    job.run();
                }
            });
        }
    }

    /// What a thread does, until there was nothing to do for long.
    fn work(&self) {
        let shared = &*self.shared;
        loop {
            shared.idle.fetch_add(1, Ordering::SeqCst);
            let job = shared.receiver.recv_timeout(shared.keep_alive);
            shared.idle.fetch_sub(1, Ordering::SeqCst);
            let Ok(job) = job else { break };
            shared.move_up();
            // Whoever submitted between those two lines above may have counted on us.
            self.staff();
            job.run();
        }
        shared.threads.fetch_sub(1, Ordering::SeqCst);
        // A job may have come between the end of the wait and the line above, its sender counting
        // on us.
        while let Ok(job) = shared.receiver.try_recv() {
            shared.move_up();
            job.run();
        }
    }

    fn start_thread(&self) -> io::Result<()> {
        let pool = self.clone();
        // A thread inherits the mask, so there is no moment in which it could take a signal.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let thread = thread::Builder::new()
            .name("wire-io".into())
            .spawn(move || pool.work());
        before.thread_set_mask()?;
        thread.map(drop)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("threads", &self.threads())
            .field("max_threads", &self.shared.max_threads)
            .finish_non_exhaustive()
    }
}
