//! User instructions per operation, which no neighbour on the machine disturbs: callgrind counts them.

use std::process::Command;

use bench_core::Plan;
use bench_core::participant::Participant;
use bench_core::row::Row;

use crate::Outcome;
use crate::rounds::arguments;
use crate::verdict::Verdict;

/// What a yield should take.
const AIM: f64 = 25.0;
/// What the C library of the same name takes for one.
const C_LIBRARY: f64 = 52.0;

/// A sample with this many, and one with twice as many, so that what start and end take cancels out.
const OPERATIONS: u64 = 20_000;

/// A thousand or more of the same do the same instructions as two; may and threads have more threads
/// than one, all of which would be counted.
const ROWS: [Row; 3] = [Row::Yield2, Row::Create, Row::Switch];
const PARTICIPANTS: [Participant; 4] = [
    Participant::Wires,
    Participant::Corosensei,
    Participant::CorosenseiBoxed,
    Participant::Tokio,
];

/// Prints the counts, for information; only what could not be counted falls short.
pub(crate) fn section() -> Vec<Verdict> {
    println!("\nuser instructions per operation, by callgrind");
    if let Err(error) = Command::new("valgrind").arg("--version").output() {
        let why = format!(
            "not measured: valgrind: {error}; the system's package manager has it (apt install valgrind)"
        );
        println!("{why}");
        return vec![Verdict::did_not_run(format!("user instructions {why}"))];
    }
    print!("{:>17}", "");
    for row in ROWS {
        print!(" {:>26}", row.title());
    }
    println!();
    let mut failures = Vec::new();
    for participant in PARTICIPANTS {
        print!("{:>17}", participant.title());
        for row in ROWS {
            if participant.abstains(row).is_some() {
                print!(" {:>26}", "–");
                continue;
            }
            match each(participant, row) {
                Ok(count) => print!(" {count:>26.1}"),
                Err(error) => {
                    print!(" {:>26}", "not measured");
                    failures.push(Verdict::did_not_run(format!(
                        "instructions of {}, {}: not measured: {error}",
                        participant.title(),
                        row.title()
                    )));
                }
            }
        }
        println!();
    }
    println!("the C library takes {C_LIBRARY} for a yield; wires aim at less than {AIM}");
    failures
}

fn each(participant: Participant, row: Row) -> Outcome<f64> {
    let (once, twice) = (
        total(participant, row, OPERATIONS)?,
        total(participant, row, 2 * OPERATIONS)?,
    );
    Ok((twice - once) / OPERATIONS as f64)
}

fn total(participant: Participant, row: Row, operations: u64) -> Outcome<f64> {
    let plan = Plan {
        operations,
        warm_up: 100,
    };
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(me)
        .arg("sample")
        .args(arguments(participant, row, plan))
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    match collected(&text) {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(format!(
            "valgrind: {}: {}",
            output.status,
            text.lines().last().unwrap_or("silent")
        )),
    }
}

fn collected(text: &str) -> Option<f64> {
    let (_, count) = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_count_is_found_in_what_callgrind_prints() {
        let text = "==1== Events    : Ir\n==1== Collected : 123456\n==1==";
        assert_eq!(collected(text), Some(123_456.0));
        assert_eq!(collected("==1== Events    : Ir"), None);
    }
}
