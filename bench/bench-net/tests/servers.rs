//! That every server answers all who ask, and every sleeper sleeps: whole samples, and what they must not say.

use std::process::{Command, Output};

use bench_harness::{Cost, Who};
use bench_net::participant::Participant;
use bench_net::row::{Row, SLEEP};
use clap::ValueEnum;

fn name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.expect("it has a name").get_name().to_owned()
}

fn sample(who: Participant, row: Row, operations: u64) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bench-net"));
    program.args(["sample".to_owned(), name(who), name(row)]);
    program.args([operations, operations / 4].map(|number| number.to_string()));
    program.output().expect("it starts")
}

fn cost(who: Participant, row: Row, operations: u64) -> Cost {
    let output = sample(who, row, operations);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{who:?}, {row:?}: {error}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("a cost")
}

fn all(row: Row) -> impl Iterator<Item = Participant> {
    let all = Participant::ALL.iter().copied();
    all.filter(move |who| who.abstains(row).is_none())
}

#[test]
fn every_server_answers_all_who_ask() {
    for row in [Row::Echo1, Row::Echo64, Row::Echo1000] {
        for who in all(row) {
            let cost = cost(who, row, 4_000);
            assert_eq!(cost.operations, 4_000);
            // No less than the two system calls take.
            assert!(cost.cpu > 4_000 * 200, "{who:?}, {row:?}: {cost:?}");
        }
    }
}

#[test]
fn sleepers_wake_up_no_oftener_than_asked_for() {
    for who in all(Row::Sleep10000) {
        let cost = cost(who, Row::Sleep10000, 40_000);
        // Between the moments lie four rounds of all, or three and what is left of the first and the last.
        let least = 3 * SLEEP.as_nanos() as u64;
        assert!(cost.wall >= least, "{who:?}: {cost:?}");
    }
}

#[test]
fn who_waits_for_a_descriptor_ends_after_the_yields() {
    for row in [Row::Yield, Row::YieldIdle] {
        assert!(cost(Participant::Wires, row, 10_000).operations >= 10_000);
    }
}

#[test]
fn who_abstains_says_why() {
    let output = sample(Participant::Plain, Row::Sleep10000, 100);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no timers"));
}

#[test]
fn idle_connections_take_memory() {
    let mut probe = Command::new(env!("CARGO_BIN_EXE_bench-net-probe"));
    let output = probe.args(["idle", "wires", "400"]).output();
    let output = output.expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let each: u64 = text.trim().parse().expect("bytes");
    // A page of stack is the least, and the pool's smallest stack the most.
    assert!((3_000..40_000).contains(&each), "{each}");
}
