//! What wakes an OS thread that sleeps because none of its wires can run.
//!
//! It sleeps here, or wherever the crate sleeps that waits for the outside world; that one then says
//! how it is woken. Taken only when the thread was seen asleep, so the lock is hardly ever contended.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

#[derive(Debug)]
pub(crate) struct Bell {
    sleep: Mutex<Sleep>,
    rings: Condvar,
}

#[derive(Debug)]
struct Sleep {
    rung: bool,
    /// Who wakes the thread, if it does not sleep here.
    elsewhere: Option<Waker>,
}

impl Bell {
    pub(crate) const fn new() -> Bell {
        Bell {
            sleep: Mutex::new(Sleep {
                rung: false,
                elsewhere: None,
            }),
            rings: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sleep> {
        // A waker that panicked has left nothing half done.
        self.sleep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where the thread is about to sleep: here, or where this waker reaches it.
    pub(crate) fn hang(&self, elsewhere: Option<&Waker>) {
        let mut sleep = self.lock();
        let same = match (&sleep.elsewhere, elsewhere) {
            (Some(old), Some(new)) => old.will_wake(new),
            (None, None) => true,
            _ => false,
        };
        if !same {
            let before = std::mem::replace(&mut sleep.elsewhere, elsewhere.cloned());
            // Dropping it runs code that is not ours.
            drop(sleep);
            drop(before);
        }
    }

    /// From any thread.
    pub(crate) fn ring(&self) {
        let mut sleep = self.lock();
        if let Some(elsewhere) = &sleep.elsewhere {
            return elsewhere.wake_by_ref();
        }
        sleep.rung = true;
        self.rings.notify_one();
    }

    /// Sleeps until rung. A ring that came before, even long before, counts.
    pub(crate) fn wait(&self) {
        let mut sleep = self.lock();
        while !sleep.rung {
            sleep = self
                .rings
                .wait(sleep)
                .unwrap_or_else(PoisonError::into_inner);
        }
        sleep.rung = false;
    }
}
