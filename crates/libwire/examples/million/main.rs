//! A million wires alive at one instant, each on a guarded stack of its own.
//!
//! `cargo run --release --example million`
//!
//! Starts them, has each take its turn a few times, counts them, looks at every guard, then lets one of
//! them, chosen at random, overflow its stack in a child process and shows what is reported. Ends with
//! what it took. It needs a little more than 4 GB of memory; `--wires N` takes less.

mod fault;
mod memory;
mod progress;

use std::cell::Cell;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use libwire as wire;
use wire::Handle;
use wire::pool::MappedPool;
use wire::stack::Guards;

use memory::Memory;
use progress::{Grouped, Progress};

#[derive(Parser)]
#[command(about = "Keeps a million guarded wires alive at one instant")]
struct Options {
    /// How many wires.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    wires: u32,
    /// How many turns each of them takes before it waits.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1000))]
    turns: u32,
    /// The size of a stack, in KiB of address space.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(32..=1 << 20))]
    stack: u32,
    /// The size of the guard below it, in KiB of address space.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    guard: u32,
    /// Guard them as kernels before Linux 6.13 have to, which limits how many there can be.
    #[arg(long)]
    mprotect: bool,
    /// Which wire overflows its stack in the child process, counted from 0; by default a random one.
    #[arg(long)]
    victim: Option<u32>,
}

impl Options {
    fn wires(&self) -> usize {
        self.wires as usize
    }

    fn guards(&self) -> Guards {
        if self.mprotect {
            Guards::Mprotect
        } else {
            Guards::Markers
        }
    }

    /// Address space of one wire.
    fn stride(&self) -> usize {
        (self.stack + self.guard) as usize * 1024
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match memory::enough(&options).and_then(|()| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("million: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What the wires and those who count them share.
struct Shared {
    /// Turns taken, by all wires together, in each round.
    turns: Box<[Cell<usize>]>,
    /// Wires that have taken all their turns and wait.
    waiting: Cell<usize>,
    /// Wires that are over.
    over: Cell<usize>,
}

impl Shared {
    fn new(turns: u32) -> Shared {
        Shared {
            turns: (0..turns).map(|_| Cell::new(0)).collect(),
            waiting: Cell::new(0),
            over: Cell::new(0),
        }
    }

    /// What each wire does.
    fn live(&self, number: usize) {
        for turn in &self.turns {
            wire::yield_now();
            add(turn);
        }
        add(&self.waiting);
        // Resumed to overflow its stack, or cancelled to end.
        if wire::suspend().is_ok() {
            fault::overflow(number);
        }
        add(&self.over);
    }
}

fn add(count: &Cell<usize>) {
    count.set(count.get() + 1);
}

/// How long it took.
#[derive(Default)]
struct Times {
    starting: Duration,
    turns: Duration,
    ending: Duration,
}

fn run(options: &Options) -> Result<(), String> {
    let wires = options.wires();
    let number = match options.victim {
        Some(number) => number as usize,
        None => fault::random(wires)?,
    };
    ensure(number < wires, || {
        format!(
            "--victim is the number of a wire, at most {}",
            Grouped(wires - 1)
        )
    })?;
    warm_up(options)?;
    let before = Memory::now()?;
    let pool = MappedPool::builder()
        .max(wires)
        .stack_size(options.stack as usize * 1024)
        .guard_size(options.guard as usize * 1024)
        .guards(options.guards())
        .build()
        .map_err(|error| error.to_string())?;
    let shared = Shared::new(options.turns);
    let mut times = Times::default();
    let mut held = Memory::default();

    wire::run(|| {
        wire::scope(|s| {
            let s = s.inner();
            let done = (|| {
                let begun = Instant::now();
                let victim = start(&pool, s, &shared, wires, number)?;
                times.starting = begun.elapsed();
                times.turns = take_turns(options, &shared)?;
                held = Memory::now()?.less(&before);
                count(options, &pool, &shared)?;
                overflow_one(number, &victim)
            })();
            let begun = Instant::now();
            s.cancel_all();
            wire::yield_now();
            times.ending = begun.elapsed();
            done
        })
    })?;
    ensure(shared.over.get() == wires, || {
        format!("only {} of {wires} wires ended", shared.over.get())
    })?;
    let peak = Memory::peak()?.saturating_sub(before.with_files);
    report(options, &times, &held, peak)
}

/// Lives one life, so that what the first wire sets up and the code that all run is in memory before that is measured.
fn warm_up(options: &Options) -> Result<(), String> {
    let pool = MappedPool::builder().max(1).build();
    let pool = pool.map_err(|error| error.to_string())?;
    let shared = Shared::new(options.turns);
    wire::run(|| {
        wire::scope(|s| {
            let first = pool.spawn_in(s.inner(), "first", || shared.live(0));
            first.map_err(|error| error.to_string())?.detach();
            while shared.waiting.get() == 0 {
                wire::yield_now();
            }
            s.inner().cancel_all();
            Ok(())
        })
    })
}

/// Starts all wires. Gives the one with this number.
fn start<'scope>(
    pool: &'scope MappedPool,
    scope: &'scope wire::core::Scope<'scope, '_>,
    shared: &'scope Shared,
    wires: usize,
    victim: usize,
) -> Result<Handle<'scope>, String> {
    let mut progress = Progress::new("wires started", wires);
    let mut found = None;
    for number in 0..wires {
        let wire = pool
            .spawn_in(scope, "one of many", move || shared.live(number))
            .map_err(|error| format!("wire {number} could not be started: {error}"))?;
        if number == victim {
            found = Some(wire.handle());
        }
        wire.detach();
        progress.reached(number + 1);
    }
    found.ok_or_else(|| format!("there is no wire {victim}"))
}

/// Has all wires take their turns, until all wait. Says how long that took.
fn take_turns(options: &Options, shared: &Shared) -> Result<Duration, String> {
    let wires = options.wires();
    let mut progress = Progress::new("turns taken", wires * options.turns as usize);
    // The first turn brings each wire to its first yield, with cold caches and a stack not touched below
    // its first page; so it is not counted.
    wire::yield_now();
    let begun = Instant::now();
    for turn in 1..=options.turns as usize {
        wire::yield_now();
        progress.reached(turn * wires);
    }
    let took = begun.elapsed();
    ensure(
        shared.turns.iter().all(|taken| taken.get() == wires) && shared.waiting.get() == wires,
        || {
            format!(
                "only {} of {wires} wires took all their turns",
                shared.waiting.get()
            )
        },
    )?;
    Ok(took)
}

/// Makes sure that all wires are alive at this instant, and every stack guarded.
fn count(options: &Options, pool: &MappedPool, shared: &Shared) -> Result<(), String> {
    let wires = options.wires();
    let probe = fault::Probe::new()?;
    let mut progress = Progress::new("guards looked at", wires);
    let (mut alive, mut guarded) = (0, 0);
    wire::walk(|info| {
        let (low, size) = info.stack();
        // The main wire's stack is that of the thread.
        if size > 0 && info.waits_for().is_some() {
            alive += 1;
            guarded += usize::from(probe.may_read(low) && !probe.may_read(low - 1));
            progress.reached(alive);
        }
    });
    drop(progress);
    ensure(
        (alive, pool.in_use(), shared.over.get()) == (wires, wires, 0),
        || format!("only {alive} of {wires} wires are alive"),
    )?;
    ensure(guarded == wires, || {
        format!("only {guarded} of {wires} stacks have a guard")
    })?;
    println!(
        "{} wires are alive, each on a stack of {} KiB with a guard below",
        Grouped(wires),
        options.stack
    );
    Ok(())
}

fn overflow_one(number: usize, victim: &Handle<'_>) -> Result<(), String> {
    println!("wire {number} overflows its stack, in a child process:");
    let told = fault::in_child(|| {
        victim.resume();
        wire::yield_now();
    })?;
    for line in told.lines() {
        println!("  {line}");
    }
    fault::check(&told)
}

fn report(options: &Options, times: &Times, held: &Memory, peak: usize) -> Result<(), String> {
    let wires = options.wires();
    let per_second = |count: usize, time: Duration| count as f64 / time.as_secs_f64() / 1e6;
    let switches = wires * options.turns as usize;
    println!(
        "started   {:7.2} million wires a second",
        per_second(wires, times.starting)
    );
    println!(
        "switched  {:7.2} million times a second, {} times each",
        per_second(switches, times.turns),
        options.turns
    );
    println!(
        "ended     {:7.2} million wires a second",
        per_second(wires, times.ending)
    );
    println!(
        "memory    {:7} bytes resident for each idle wire, {} at the peak; and {} of page tables",
        held.resident / wires,
        peak / wires,
        held.page_tables / wires
    );
    Ok(())
}

fn ensure(holds: bool, else_say: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(else_say()) }
}
