//! How often the allocator is asked; the other program of a benchmark counts, as counting would slow
//! down those who do.

use crate::rounds::{arguments, cost, program};
use crate::verdict::Verdict;
use crate::{Cost, Outcome, Plan, What, Who};

/// The other program is called like this one, with this behind it.
const COUNTING: &str = "-allocations";
/// What wires may not allocate in.
const OPERATIONS: u64 = 100_000;
/// What those do who are slow.
const OF_THE_SLOW: u64 = 2_000;

/// Prints the counts. Those of wires must be zero, and so those of what is only asked of them: `more`, by
/// the name that the other program knows, and title.
pub(crate) fn section<W: Who>(more: &[(&str, &str)]) -> Vec<Verdict> {
    let rows = || W::What::ALL.iter().filter(|row| row.has_allocations());
    print!("\nallocations per operation, over {OPERATIONS}");
    for slow in W::ALL.iter().filter(|one| one.is_slow()) {
        print!(" ({}: {OF_THE_SLOW})", slow.title());
    }
    println!();
    print!("{:>17}", "");
    for row in rows() {
        print!(" {:>26}", row.title());
    }
    println!();
    let mut verdicts = Vec::new();
    for &participant in W::ALL {
        print!("{:>17}", participant.title());
        for &row in rows() {
            if participant.abstains(row).is_some() {
                print!(" {:>26}", "–");
                continue;
            }
            let counted = sample(participant, row);
            print!(" {:>26}", counted.as_ref().map_or("?".to_owned(), each));
            if participant == W::WIRES {
                verdicts.push(judge(row.title(), counted));
            } else if let Err(error) = counted {
                verdicts.push(Verdict::did_not_run(format!(
                    "allocations of {}, {}: {error}",
                    participant.title(),
                    row.title()
                )));
            }
        }
        println!();
    }
    for (name, title) in more {
        let counted = program(COUNTING)
            .and_then(|mut program| cost(program.args(["wires", name, &OPERATIONS.to_string()])));
        let count = counted.as_ref().map_or("?".to_owned(), each);
        println!("wires, {title}: {count}");
        verdicts.push(judge(title, counted));
    }
    verdicts
}

fn sample<W: Who>(participant: W, row: W::What) -> Outcome<Cost> {
    let operations = if participant.is_slow() {
        OF_THE_SLOW
    } else {
        OPERATIONS
    };
    let plan = Plan {
        operations,
        warm_up: operations / 10,
    };
    let mut program = program(COUNTING)?;
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
