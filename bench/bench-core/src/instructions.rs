//! User instructions per operation, which no neighbour on the machine disturbs: callgrind counts them.

use std::process::Command;

use crate::Outcome;
use crate::participant::Participant;
use crate::report::{Verdict, did_not_run};
use crate::rows::Row;

/// The aim for a yield.
const AIM: f64 = 25.0;
/// What the C library of the same name takes for one.
const C_LIBRARY: f64 = 52.0;

const FEWER: u64 = 100_000;
const MORE: u64 = 200_000;

/// Prints the counts, and says whether the aim was reached.
pub(crate) fn section() -> Vec<Verdict> {
    println!("\nuser instructions per operation, by callgrind");
    let mut verdicts = Vec::new();
    for participant in [Participant::Wires, Participant::Corosensei] {
        for row in [Row::Yield(2), Row::Create, Row::Switch] {
            if !participant.takes_part(row) {
                continue;
            }
            let name = format!("{}, {}", participant.title(), row.title());
            match per_operation(participant, row) {
                Ok(count) => {
                    println!("{name}: {count:.1}");
                    if (participant, row) == (Participant::Wires, Row::Yield(2)) {
                        let what = format!(
                            "instructions of a yield: {count:.1}, at most {AIM} (C library: {C_LIBRARY})"
                        );
                        verdicts.push(Verdict {
                            what,
                            used: count / AIM,
                        });
                    }
                }
                Err(error) => {
                    println!("{name}: not measured: {error}");
                    verdicts.push(did_not_run(format!("instructions: {name}: {error}")));
                }
            }
        }
    }
    verdicts
}

/// What start and end take cancels out between two runs of different lengths.
fn per_operation(participant: Participant, row: Row) -> Outcome<f64> {
    let (fewer, more) = (
        total(participant, row, FEWER)?,
        total(participant, row, MORE)?,
    );
    Ok((more - fewer) / (MORE - FEWER) as f64)
}

fn total(participant: Participant, row: Row, operations: u64) -> Outcome<f64> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(me)
        .args(["sample", &participant.to_string(), &row.to_string()])
        .args(["--count", &operations.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}; install the package valgrind"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let count = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, count)| count.trim().parse().ok());
    match count {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(format!("callgrind: {}", text.trim())),
    }
}
