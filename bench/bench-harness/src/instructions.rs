//! User instructions per operation, which no neighbour on the machine disturbs: callgrind counts them.

use std::process::Command;

use crate::rounds::{arguments, program};
use crate::verdict::Verdict;
use crate::{Outcome, Plan, What, Who};

/// A sample with this many, and one with twice as many, so that what start and end take cancels out.
const OPERATIONS: u64 = 20_000;

/// Prints the counts, for information, and `remark` below; only what could not be counted falls short.
pub(crate) fn section<W: Who>(remark: &str) -> Vec<Verdict> {
    let rows = || W::What::ALL.iter().filter(|row| row.has_instructions());
    println!("\nuser instructions per operation, by callgrind");
    if let Err(error) = Command::new("valgrind").arg("--version").output() {
        let why = format!(
            "not measured: valgrind: {error}; the system's package manager has it (apt install valgrind)"
        );
        println!("{why}");
        return vec![Verdict::did_not_run(format!("user instructions {why}"))];
    }
    print!("{:>17}", "");
    for row in rows() {
        print!(" {:>26}", row.title());
    }
    println!();
    let mut failures = Vec::new();
    for &participant in W::ALL {
        if !participant.has_instructions() {
            continue;
        }
        print!("{:>17}", participant.title());
        for &row in rows() {
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
    if !remark.is_empty() {
        println!("{remark}");
    }
    failures
}

fn each<W: Who>(participant: W, row: W::What) -> Outcome<f64> {
    let (once, twice) = (
        total(participant, row, OPERATIONS)?,
        total(participant, row, 2 * OPERATIONS)?,
    );
    Ok((twice - once) / OPERATIONS as f64)
}

fn total<W: Who>(participant: W, row: W::What, operations: u64) -> Outcome<f64> {
    let plan = Plan {
        operations,
        warm_up: 100,
    };
    let me = program("")?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(me.get_program())
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
