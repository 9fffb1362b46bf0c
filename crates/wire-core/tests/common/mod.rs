//! Memory for the tests, since this crate has no stacks of its own, and small helpers.
#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod event;

use std::cell::{Cell, RefCell};
use std::process::{Command, Output};
use std::ptr::NonNull;
use std::rc::Rc;

use wire_core::{JoinHandle, Kind, Reason, Stack, Wire};

/// Large enough for panics with backtraces.
pub(crate) const SIZE: usize = 256 * 1024;

/// A stack that is never freed.
pub(crate) fn stack() -> Stack<'static> {
    let layout = std::alloc::Layout::from_size_align(SIZE, 4096).unwrap();
    // SAFETY: leaked, aligned and used by nothing else; large enough for panics with backtraces.
    unsafe { Stack::from_raw(NonNull::new(std::alloc::alloc(layout)).unwrap(), SIZE) }
}

/// A control block that is never freed.
pub(crate) fn wire() -> &'static Wire {
    Box::leak(Box::default())
}

/// A wire in memory that is never freed.
pub(crate) fn spawn<T: 'static>(
    name: &'static str,
    f: impl FnOnce() -> T + 'static,
) -> JoinHandle<'static, T> {
    wire().spawn(stack(), name, f).unwrap()
}

/// A daemon in memory that is never freed.
pub(crate) fn spawn_daemon(name: &'static str, f: impl FnOnce() + 'static) {
    // SAFETY: the memory stays for good.
    unsafe { wire().spawn_daemon(stack(), name, f).unwrap() }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn new() -> Log {
        Log::default()
    }

    pub(crate) fn add(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    /// All so far, with blanks between, and starts anew.
    pub(crate) fn take(&self) -> String {
        self.0.take().join(" ")
    }
}

/// Counts how often it was dropped.
#[derive(Clone, Default)]
pub(crate) struct Drops(Rc<Cell<u32>>);

impl Drops {
    pub(crate) fn new() -> Drops {
        Drops::default()
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.get()
    }

    /// Something whose drop is counted.
    pub(crate) fn counted(&self) -> OnDrop<impl FnMut() + use<>> {
        let count = Rc::clone(&self.0);
        OnDrop(move || count.set(count.get() + 1))
    }
}

/// Calls a function when dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

static TEST: Kind = Kind::new("test");

/// Why the wires of tests wait.
pub(crate) fn reason() -> Reason {
    Reason::new(&TEST)
}

const CHILD: &str = "WIRE_CORE_TEST_CHILD";

/// Runs `test`, the name of the calling test, again in a process of its own, which does `inside`:
/// for what is to end the process. `None` in that process, if it got to the end.
pub(crate) fn in_child(test: &str, inside: impl FnOnce()) -> Option<Output> {
    if std::env::var_os(CHILD).is_some() {
        inside();
        return None;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    Some(output)
}

/// The child aborted, and said all of `texts` on standard error.
#[track_caller]
pub(crate) fn assert_aborted(output: &Output, texts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(output.status.signal(), Some(6), "{said}");
    }
    assert!(!output.status.success());
    for text in texts {
        assert!(said.contains(text), "{text:?} is not in:\n{said}");
    }
}
