//! User instructions per operation, which no neighbour on the machine disturbs: callgrind counts them.

use std::collections::BTreeMap;
use std::process::Command;

use crate::rounds::{arguments, program};
use crate::verdict::Verdict;
use crate::{Outcome, Plan, What, Who};

/// A sample with this many, and one with twice as many, so that what start and end take cancels out.
const OPERATIONS: u64 = 20_000;

/// Prints the counts, and `remark` below. What could not be counted falls short, and what has a limit if it is
/// above.
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
    let mut verdicts = Vec::new();
    let mut counts = BTreeMap::new();
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
                Ok(count) => {
                    counts.insert((row, participant), count);
                    print!(" {count:>26.1}");
                }
                Err(error) => {
                    print!(" {:>26}", "not measured");
                    verdicts.push(Verdict::did_not_run(format!(
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
    verdicts.extend(rows().filter_map(|&row| limit(&counts, row)));
    verdicts
}

fn limit<W: Who>(counts: &BTreeMap<(W::What, W), f64>, row: W::What) -> Option<Verdict> {
    let (most, other) = row.more_instructions()?;
    let what = format!(
        "instructions, {}, more than \"{}\"",
        row.title(),
        other.title()
    );
    let (Some(ours), Some(theirs)) = (counts.get(&(row, W::WIRES)), counts.get(&(row, other)))
    else {
        return Some(Verdict::did_not_run(format!("{what}: not measured")));
    };
    let more = ours - theirs;
    let what = format!("{what}: {more:.0}, at most {most:.0}");
    Some(Verdict::measured(what, more.max(0.0) / most))
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
    use std::collections::BTreeMap;

    use super::{collected, limit};
    use crate::example::{Party, Row};

    #[test]
    fn what_is_more_than_the_others_has_a_limit() {
        let limit = |ours: Option<f64>| {
            let counts = [
                ((Row::Paced, Party::Peer), Some(50.0)),
                ((Row::Paced, Party::Wires), ours),
            ];
            let counts = counts
                .into_iter()
                .filter_map(|(key, count)| Some((key, count?)));
            limit(&counts.collect::<BTreeMap<_, _>>(), Row::Paced).expect("a limit")
        };
        assert!(limit(Some(150.0)).kept());
        assert!(!limit(Some(151.0)).kept());
        assert!(limit(Some(10.0)).kept());
        assert!(!limit(None).kept());
    }

    #[test]
    fn the_count_is_found_in_what_callgrind_prints() {
        let text = "==1== Events    : Ir\n==1== Collected : 123456\n==1==";
        assert_eq!(collected(text), Some(123_456.0));
        assert_eq!(collected("==1== Events    : Ir"), None);
    }
}
