//! Tries sequences, shrinks the first that fails, and says how to try it again.
//!
//! Sequences run in OS threads of their own. Wires that a fault has left stuck for good cannot be
//! ended, and `run()` does not return while they live: then the thread sleeps for ever, and the next
//! sequence has another one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::cast::{Failure, Places, follow, keep_panics};
use super::shrink::shrink;
use super::steps::random;
use super::tally::Tally;
use super::{Model, Step};

const CASES: u64 = 2_000;
/// With fewer sequences, some place may be left out by chance.
const ENOUGH: u64 = 2_000;
/// How long one sequence may take, which should take microseconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// The same, of what is only tried in order to shrink another.
const IMPATIENCE: Duration = Duration::from_secs(10);

/// A sequence that fails, and what happens then.
pub struct Found<O> {
    pub seed: u64,
    pub steps: Vec<Step<O>>,
    pub what: String,
}

/// Tries as many sequences as `WIRE_MODEL_CASES` says.
///
/// # Panics
///
/// If one fails, with the smallest that does so and how to try it again. If interrupts have left out a
/// place that an operation can be at.
pub fn check<M: Model>() {
    let seed = setting("WIRE_MODEL_SEED", 0);
    let cases = setting("WIRE_MODEL_CASES", CASES);
    let name = name::<M>();
    let tally = match find::<M>(seed, cases) {
        Err(found) => panic!("{}", report::<M>(&found)),
        Ok(tally) => tally,
    };
    println!(
        "{name}: {cases} sequences from WIRE_MODEL_SEED={seed}, {} operations\n{tally}",
        tally.operations()
    );
    let gaps = tally.gaps();
    assert!(
        cases < ENOUGH || gaps.is_empty(),
        "{name}: {cases} sequences from WIRE_MODEL_SEED={seed} never came to this:\n{}",
        gaps.join("\n")
    );
}

/// Follows one sequence: for those that once failed.
///
/// # Panics
///
/// If it fails.
pub fn replay<M: Model>(steps: &[Step<M::Op>]) {
    match one::<M>(steps, PATIENCE) {
        Ok(()) => {}
        Err(Why::Fails(failure)) => panic!("{}\n{}", failure.what, written::<M>(steps)),
        Err(Why::Hangs) => panic!("it does not end\n{}", written::<M>(steps)),
    }
}

/// Tries sequences; gives the first that fails as small as it gets.
pub fn find<M: Model>(seed: u64, cases: u64) -> Result<Tally<M::Op>, Found<M::Op>> {
    let (seed, why) = match try_all::<M>(seed, cases) {
        Ok(tally) => return Ok(tally),
        Err(failed) => failed,
    };
    let mut steps = Vec::new();
    random::<M>(seed, &mut steps);
    let mut what = match why {
        Why::Fails(failure) => failure.what,
        Why::Hangs => {
            let what = String::from("it does not end; so it was not shrunk either");
            return Err(Found { seed, steps, what });
        }
    };
    steps = shrink::<M>(steps, |fewer| match one::<M>(fewer, IMPATIENCE) {
        Err(Why::Fails(failure)) => {
            what = failure.what;
            true
        }
        Ok(()) | Err(Why::Hangs) => false,
    });
    Err(Found { seed, steps, what })
}

/// The model's name inside its test.
fn name<M: Model>() -> &'static str {
    let name = std::any::type_name::<M>();
    name.split_once("::").map_or(name, |(_, name)| name)
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => match text.parse() {
            Ok(number) => number,
            Err(_) => panic!("{name}={text}: it is to be a number"),
        },
        Err(_) => default,
    }
}

fn report<M: Model>(found: &Found<M::Op>) -> String {
    let mut text = format!("{}\n\n", found.what);
    let _ = write!(
        text,
        "the smallest sequence that fails, as one may write it into a test:\n\n{}\n\
         the sequence that it was made of:\n\n    WIRE_MODEL_SEED={} WIRE_MODEL_CASES=1 cargo test \
         --package {} --test {} -- --exact {}\n",
        written::<M>(&found.steps),
        found.seed,
        env!("CARGO_PKG_NAME"),
        env!("CARGO_CRATE_NAME"),
        thread::current().name().unwrap_or("?"),
    );
    text
}

fn written<M: Model>(steps: &[Step<M::Op>]) -> String {
    let mut text = format!("    model::replay::<{}>(&[\n", name::<M>());
    for step in steps {
        let _ = writeln!(text, "        {step:?},");
    }
    text + "    ]);\n"
}

/// Follows one sequence.
fn one<M: Model>(steps: &[Step<M::Op>], patience: Duration) -> Result<(), Why> {
    let steps = steps.to_vec();
    let (results, failed) = channel();
    let thread = thread::spawn(move || {
        in_wires(|places| {
            let failure = follow::<M>(places, &steps, &mut Tally::new()).err()?;
            Some(tell(&results, failure))
        });
    });
    wait(&failed, &AtomicU64::new(0), patience)?;
    thread.join().expect("the thread of a sequence panicked");
    Ok(())
}

/// Follows sequences up to the first that fails.
fn try_all<M: Model>(first: u64, cases: u64) -> Result<Tally<M::Op>, (u64, Why)> {
    let (results, failed) = channel();
    let done = Arc::new(AtomicU64::new(0));
    let counter = done.clone();
    let thread = thread::spawn(move || {
        let mut tally = Tally::new();
        in_wires(|places| {
            let mut steps = Vec::new();
            for seed in (0..cases).map(|nth| first.wrapping_add(nth)) {
                random::<M>(seed, &mut steps);
                if let Err(failure) = follow::<M>(places, &steps, &mut tally) {
                    return Some(tell(&results, failure));
                }
                counter.fetch_add(1, Ordering::Relaxed);
            }
            None
        });
        tally
    });
    match wait(&failed, &done, PATIENCE) {
        Ok(()) => Ok(thread.join().expect("the thread of the sequences panicked")),
        Err(why) => Err((first.wrapping_add(done.load(Ordering::Relaxed)), why)),
    }
}

/// Passes a failure on; says whether its wires are gone.
fn tell(results: &Sender<Failure>, failure: Failure) -> bool {
    let clean = failure.clean;
    results.send(failure).expect("the test waits for it");
    clean
}

/// Runs `work` as the first wire of this thread. If it says that there are wires it could not end, this
/// does not return.
fn in_wires(work: impl FnOnce(&Places) -> Option<bool>) {
    keep_panics();
    let places = Places::new();
    wire_core::run(|| {
        if work(&places) == Some(false) {
            loop {
                thread::park();
            }
        }
    });
}

enum Why {
    Fails(Failure),
    Hangs,
}

/// Waits until all is done, or something fails, or `done` is the same for too long.
fn wait(failed: &Receiver<Failure>, done: &AtomicU64, patience: Duration) -> Result<(), Why> {
    let mut before = done.load(Ordering::Relaxed);
    loop {
        match failed.recv_timeout(patience) {
            Ok(failure) => return Err(Why::Fails(failure)),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                let now = done.load(Ordering::Relaxed);
                if now == before {
                    return Err(Why::Hangs);
                }
                before = now;
            }
        }
    }
}
