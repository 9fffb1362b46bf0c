//! How often the allocator is asked; the other program of this package counts, as counting would slow
//! down those who do.

use bench_core::participant::Participant;
use bench_core::row::Row;
use bench_core::{Cost, Plan};

use crate::Outcome;
use crate::rounds::{arguments, cost, program};
use crate::verdict::Verdict;

/// What wires may not allocate in.
const OPERATIONS: u64 = 100_000;
/// A thread is started a thousand times as slowly as a wire.
const OF_THREADS: u64 = 2_000;

/// What is only asked of wires, by the name that the other program knows.
const MORE: [(&str, &str); 3] = [
    ("join", "create + join with a result"),
    ("full", "create in a full pool"),
    ("scope", "create in a scope"),
];

/// Prints the counts. Those of wires must be zero.
pub(crate) fn section() -> Vec<Verdict> {
    println!("\nallocations per operation, over {OPERATIONS} (OS threads: {OF_THREADS})");
    print!("{:>17}", "");
    for row in Row::ALL {
        print!(" {:>26}", row.title());
    }
    println!();
    let mut verdicts = Vec::new();
    for participant in Participant::ALL {
        print!("{:>17}", participant.title());
        for row in Row::ALL {
            if participant.abstains(row).is_some() {
                print!(" {:>26}", "–");
                continue;
            }
            let counted = sample(participant, row);
            print!(" {:>26}", counted.as_ref().map_or("?".to_owned(), each));
            match (participant, counted) {
                (Participant::Wires, counted) => verdicts.push(judge(row.title(), counted)),
                (_, Err(error)) => verdicts.push(Verdict::did_not_run(format!(
                    "allocations of {}, {}: {error}",
                    participant.title(),
                    row.title()
                ))),
                _ => {}
            }
        }
        println!();
    }
    for (name, title) in MORE {
        let counted = program("allocations")
            .and_then(|mut program| cost(program.args(["wires", name, &OPERATIONS.to_string()])));
        let count = counted.as_ref().map_or("?".to_owned(), each);
        println!("wires, {title}: {count}");
        verdicts.push(judge(title, counted));
    }
    verdicts
}

fn sample(participant: Participant, row: Row) -> Outcome<Cost> {
    let operations = match participant {
        Participant::Threads => OF_THREADS,
        _ => OPERATIONS,
    };
    let plan = Plan {
        operations,
        warm_up: operations / 10,
    };
    let mut program = program("allocations")?;
    cost(
        program
            .arg("sample")
            .args(arguments(participant, row, plan)),
    )
}

fn each(cost: &Cost) -> String {
    match cost.allocations {
        0 => "0".to_owned(),
        some => format!("{:.3}", some as f64 / cost.operations as f64),
    }
}

fn judge(what: &str, counted: Outcome<Cost>) -> Verdict {
    let what = format!("allocations, {what}");
    match counted {
        Ok(cost) if cost.operations < OPERATIONS => {
            Verdict::did_not_run(format!("{what}: over {} only", cost.operations))
        }
        Ok(cost) => {
            let used = if cost.allocations == 0 {
                0.0
            } else {
                f64::INFINITY
            };
            let what = format!("{what}: {} over {}", cost.allocations, cost.operations);
            Verdict::measured(what, used)
        }
        Err(error) => Verdict::did_not_run(format!("{what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_allocation_is_too_many() {
        let counted = |operations, allocations| {
            let cost = Cost {
                operations,
                cpu: 1,
                wall: 1,
                allocations,
            };
            judge("yield", Ok(cost))
        };
        assert!(counted(OPERATIONS, 0).kept());
        assert!(!counted(OPERATIONS, 1).kept());
        assert!(!counted(OPERATIONS - 1, 0).kept());
        assert!(!judge("yield", Err("gone".to_owned())).kept());
    }
}
