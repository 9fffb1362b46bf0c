//! Wires that borrow: a scope does not end before they do.
//!
//! Shaped like [`std::thread::scope`]. Memory of wires can be lent for the scope's time as well,
//! because `scope` is a function that takes a closure: there is nothing to forget.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::ptr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::block::{block_shielded, cancel, unblock};
use crate::handle::JoinHandle;
use crate::reason::{Kind, Reason};
use crate::scheduler::scheduler;
use crate::spawn::{SpawnError, Start, start};
use crate::stack::Stack;
use crate::walk::each;
use crate::wire::{JOINABLE, SCOPED, Wire};

static SCOPE_END: Kind = Kind::new("end of a scope");

/// What a scope and its wires know in common.
#[derive(Debug)]
pub(crate) struct Children {
    live: Cell<usize>,
    /// Wires that panicked and were not joined.
    panicked: Cell<usize>,
    parent: *const Wire,
}

impl Children {
    /// A wire of the scope panicked.
    pub(crate) fn note_panic(&self) {
        self.panicked.set(self.panicked.get() + 1);
    }

    /// Somebody was told of it, by joining.
    pub(crate) fn panic_was_joined(&self) {
        self.panicked.set(self.panicked.get() - 1);
    }

    pub(crate) fn one_is_gone(&self) {
        self.live.set(self.live.get() - 1);
        if self.live.get() == 0 {
            // SAFETY: the parent is in `scope`, which waits for this.
            let parent = unsafe { &*self.parent };
            if parent.waits_for(&SCOPE_END) {
                unblock(parent);
            }
        }
    }
}

/// Where wires that borrow are started; see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    children: Children,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a wire in memory lent for the scope. It is queued behind all that are ready.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`].
    #[inline]
    pub fn spawn<F, T>(
        &'scope self,
        wire: &'scope Wire,
        stack: Stack<'scope>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'scope, T>, SpawnError>
    where
        F: FnOnce() -> T + 'scope,
        T: 'scope,
    {
        let how = Start {
            name,
            flags: JOINABLE | SCOPED,
            scope: &raw const self.children,
        };
        // SAFETY: all is good for `'scope`, and `scope` waits for the wire before that ends.
        let handle = unsafe { start(wire, stack, how, f) }?;
        self.children.live.set(self.children.live.get() + 1);
        Ok(handle)
    }

    /// How many wires of the scope are not over.
    pub fn live(&self) -> usize {
        self.children.live.get()
    }

    /// Cancels all wires of the scope that are not over.
    pub fn cancel_all(&self) {
        each(|wire| {
            if wire
                .scope()
                .is_some_and(|scope| ptr::eq(scope, &raw const self.children))
            {
                cancel(wire);
            }
        });
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("live", &self.live())
            .finish_non_exhaustive()
    }
}

/// Runs `f`, in which wires can be started that borrow from around the scope, and waits until all
/// of them are over.
///
/// If `f` unwinds, the wires of the scope are cancelled; when they are gone the unwinding goes on.
/// The same happens when the wire that waits here is cancelled or its deadline passes, except that
/// `scope` then returns what `f` did and the interrupt is left for the next wait.
///
/// # Panics
///
/// When `f` does; when a wire of the scope panicked that was not joined; outside `run()`; and while the wire is
/// unwinding, since a scope has to wait.
#[track_caller]
pub fn scope<'env, T>(f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T) -> T {
    let me = scheduler().current_or_panic();
    assert!(
        !std::thread::panicking(),
        "a scope cannot be opened while the wire is unwinding"
    );
    let children = Children {
        live: Cell::new(0),
        panicked: Cell::new(0),
        parent: me,
    };
    let scope = Scope {
        children,
        scope: PhantomData,
        env: PhantomData,
    };
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    if result.is_err() {
        scope.cancel_all();
    }
    let reason = Reason::on(&SCOPE_END, &raw const scope.children);
    while scope.live() > 0 {
        // The first wait can be interrupted, to pass the interrupt on; the others only end when
        // the wires have.
        if result.is_err() || crate::block::block(reason).is_err() {
            scope.cancel_all();
            while scope.live() > 0 {
                block_shielded(reason);
            }
        }
    }
    match result {
        Ok(value) if scope.children.panicked.get() == 0 => value,
        Ok(_) => panic!("a wire of the scope panicked, and nobody joined it"),
        Err(payload) => resume_unwind(payload),
    }
}
