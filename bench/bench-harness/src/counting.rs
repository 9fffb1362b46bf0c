//! The program that counts how often the allocator is asked.
//!
//! It has [`Counting`] for its global allocator, and otherwise does the same work as the one that takes the
//! time, and more that is only asked of wires.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clap::{Parser, ValueEnum};

use crate::{Cost, Sample, Who, stamp};

/// The system's allocator, counting how often it is asked for memory.
pub struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// More of what wires do.
pub trait More: ValueEnum + Clone + Send + Sync + 'static {
    /// Does it, and says what it cost.
    ///
    /// # Errors
    ///
    /// If something else happened than was to.
    fn measure(self, operations: u64) -> Result<Cost, String>;
}

#[derive(Parser)]
enum Cli<W: Who, M: More> {
    /// What is also timed
    Sample(Sample<W>),
    /// More of what wires do
    Wires { what: M, operations: u64 },
}

/// The whole of the program.
///
/// # Panics
///
/// If its global allocator is not [`Counting`].
#[must_use]
pub fn main<W: Who, M: More>() -> ExitCode {
    let cli = Cli::<W, M>::parse();
    let before = COUNT.load(Relaxed);
    drop(black_box(Box::new(0)));
    assert!(COUNT.load(Relaxed) > before, "the allocator counts");
    stamp::count_allocations(|| COUNT.load(Relaxed));
    let outcome = match cli {
        Cli::Sample(sample) => sample.run(),
        Cli::Wires { what, operations } => what.measure(operations).map(|cost| println!("{cost}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
