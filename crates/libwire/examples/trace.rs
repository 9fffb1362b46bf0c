//! Records what a few wires do and writes it as JSON for a timeline.
//!
//! `cargo run --release --features trace --example trace -- trace.json`
//!
//! Then open <https://ui.perfetto.dev>, choose "Open trace file", and take trace.json: each wire has a
//! track with its run slices and waits, arrows lead from who wakes to who goes on, and the wire that
//! computes without ever yielding has a counter of its own.

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use libwire as wire;
use wire::Builder;
use wire::trace::{Trace, mark};

#[derive(Parser)]
#[command(about = "Writes a timeline of a few wires, for https://ui.perfetto.dev")]
struct Options {
    /// Where to write the JSON.
    path: PathBuf,
}

/// The latest 65,536 run slices: at most 6 MiB, touched as they fill.
static TRACE: Trace<65_536> = Trace::new();

/// One wire makes numbers, one after a short sleep each; two work on them; one hogs the thread.
fn work() {
    let numbers = wire::Channel::new();
    wire::scope(|s| {
        let named = |name| Builder::new().name(name);
        let maker = || {
            for n in 1..=40 {
                wire::sleep(Duration::from_micros(250));
                numbers.send(n).expect("somebody receives");
            }
            mark("all numbers made");
            numbers.close();
        };
        let worker = || {
            while let Ok(n) = numbers.recv() {
                black_box(compute(n * 1000));
            }
        };
        let hog = || {
            wire::sleep(Duration::from_millis(5));
            black_box(compute(30_000_000));
        };
        for wire in [
            named("maker").spawn_in(s, maker).map_err(drop),
            named("first worker").spawn_in(s, worker).map_err(drop),
            named("second worker").spawn_in(s, worker).map_err(drop),
            named("hog").spawn_in(s, hog).map_err(drop),
        ] {
            wire.expect("a wire can be started").detach();
        }
    });
}

/// Something that takes a while.
fn compute(rounds: u64) -> u64 {
    (0..rounds).fold(1, |x, n| black_box(x ^ n).rotate_left(5))
}

fn record_and_write(out: &mut dyn io::Write) -> io::Result<()> {
    TRACE.record(|| wire::run(work));
    TRACE.write_json_to(out)
}

fn main() -> ExitCode {
    let path = Options::parse().path;
    match File::create(&path).and_then(|mut file| record_and_write(&mut file)) {
        Ok(()) => {
            println!("open {} in https://ui.perfetto.dev", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("trace: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::Value;

    use super::*;

    /// A process and a thread in it.
    fn track(event: &Value) -> (u64, u64) {
        let number = |field: &str| event[field].as_u64().unwrap();
        (number("pid"), number("tid"))
    }

    #[test]
    fn what_the_monitor_wakes_is_shown_as_woken_by_it() {
        let mut json = Vec::new();
        record_and_write(&mut json).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        let events = json["traceEvents"].as_array().unwrap();
        let of = |phase: &'static str| events.iter().filter(move |event| event["ph"] == phase);

        let names: HashMap<_, _> = of("M")
            .filter(|event| event["name"] == "thread_name")
            .map(|event| (track(event), event["args"]["name"].as_str().unwrap()))
            .collect();
        let end_of = |id: &Value| names[&track(of("f").find(|end| end["id"] == *id).unwrap())];
        let woken = |by: &str, wire: &str| {
            of("s").any(|start| {
                start["name"] == "wake"
                    && names[&track(start)].contains(by)
                    && end_of(&start["id"]) == wire
            })
        };
        for wire in ["maker", "hog"] {
            assert!(woken("monitor", wire), "{wire} slept");
        }
        assert!(woken("maker", "first worker") && woken("maker", "second worker"));

        let waits = |wire: &str, kind: &str| {
            of("X").any(|wait| {
                wait["cat"] == "wait" && wait["name"] == kind && names[&track(wait)] == wire
            })
        };
        assert!(waits("maker", "sleep"));
        assert!(of("i").any(|event| event["name"] == "all numbers made"));
        assert_eq!(json["otherData"]["lost"], 0);
    }
    #[test]
    fn a_thread_with_nothing_to_do_is_asleep_and_not_in_a_long_run_slice() {
        static TRACE: Trace<64> = Trace::new();
        let is_asleep = |json: &Value| {
            let mut events = json["traceEvents"].as_array().unwrap().iter();
            events.any(|event| event["cat"] == "idle" && event["args"]["waits"] == true)
        };
        TRACE.record(|| {
            wire::run(|| {
                // On another thread, while this one has nothing but that to wait for.
                wire::offload(|| {
                    loop {
                        let mut json = Vec::new();
                        TRACE.write_json_to(&mut json).unwrap();
                        if is_asleep(&serde_json::from_slice(&json).unwrap()) {
                            return;
                        }
                    }
                });
            });
        });
    }
}
