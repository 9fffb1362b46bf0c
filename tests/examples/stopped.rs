//! A program that stops with wires in every state, for `tests/gdb.rs` to look into.
//!
//! Guards are made by `mprotect`: gdb's `generate-core-file` cannot read past markers.
#![allow(missing_docs)]

use std::cell::Cell;
use std::env::args;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use libwire::core::{JoinHandle, Wire, run, scope, suspend, yield_now};
use libwire::stack::{Arena, Guards};
use libwire::{Channel, Handle};
use nix::sys::signal::{Signal, raise};

/// Where the debugger stops it, or, with an argument, itself.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn stopped_here(level: u64) -> u64 {
    if args().len() > 1 {
        raise(Signal::SIGTRAP).unwrap();
    }
    black_box(level)
}

#[inline(never)]
fn outer_of_reader(channel: &Channel<u64>, level: u64) -> u64 {
    let kept = black_box(level * 1000);
    inner_of_reader(channel) + black_box(kept)
}

#[inline(never)]
fn inner_of_reader(channel: &Channel<u64>) -> u64 {
    black_box(channel.recv().unwrap())
}

#[inline(never)]
fn takes_turns(over: &Cell<bool>) {
    while !over.get() {
        yield_now();
    }
    black_box(());
}

#[inline(never)]
fn suspended_far_away() {
    suspend().unwrap();
    black_box(());
}

#[inline(never)]
fn joins_in_main(handle: JoinHandle<'_, u64>) -> u64 {
    black_box(handle.join().unwrap())
}

#[inline(never)]
fn stops(meet: &Barrier) -> u64 {
    meet.wait();
    let level = black_box(stopped_here(7));
    meet.wait();
    level
}

fn arena() -> Arena {
    let arena = Arena::builder().count(4).guards(Guards::Mprotect);
    arena.build().unwrap()
}

#[inline(never)]
fn first_thread(meet: &Barrier) {
    let (arena, wires) = (arena(), [const { Wire::new() }; 4]);
    let (channel, over) = (Channel::new(), Cell::new(false));
    let stack = || arena.stack().unwrap();
    run(|| {
        scope(|s| {
            let reads = || outer_of_reader(&channel, 5);
            let reader = s.spawn(&wires[0], stack(), "reader", reads).unwrap();
            let turns = || takes_turns(&over);
            let turner = s.spawn(&wires[1], stack(), "turner", turns).unwrap();
            yield_now();
            let stopper = s.spawn(&wires[2], stack(), "stopper", || stops(meet));
            let fresh = s.spawn(&wires[3], stack(), "fresh \x1b[1m", || ()).unwrap();
            assert_eq!(joins_in_main(stopper.unwrap()), 7);
            over.set(true);
            channel.send(1).unwrap();
            assert_eq!(reader.join().unwrap(), 5001);
            turner.join().unwrap();
            fresh.join().unwrap();
        });
    });
}

#[inline(never)]
fn second_thread(meet: &Barrier) {
    let (arena, wire) = (arena(), Wire::new());
    run(|| {
        scope(|s| {
            let far = s.spawn(&wire, arena.stack().unwrap(), "far", suspended_far_away);
            let far = far.unwrap();
            let handle: Handle<'_> = far.handle();
            yield_now();
            meet.wait();
            meet.wait();
            handle.resume();
            far.join().unwrap();
        });
    });
}

fn main() {
    let meet = Barrier::new(2);
    thread::scope(|s| {
        s.spawn(|| second_thread(&meet));
        first_thread(&meet);
    });
    println!("went on to its end");
}
