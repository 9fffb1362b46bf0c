//! Taking the samples, each in a process of its own.

use std::fs;
use std::io::{IsTerminal, Write};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::program::Options;
use crate::samples::Samples;
use crate::{Cost, Outcome, Plan, What, Who};

/// Processor time that tells how many operations a sample should have.
const PILOT: f64 = 15e6;
/// The operations of the first attempt, and of that with somebody slow.
const FIRST: [u64; 2] = [100_000, 1_000];
/// Operations for each one that warms up.
const WARM_UP: u64 = 8;

/// Takes all samples.
pub(crate) fn take<W: Who>(options: &Options<W>, rows: &[W::What], cpu: usize) -> Samples<W> {
    let mut samples = Samples::default();
    let mut plans = Vec::new();
    progress("finding out how many operations a sample should have …");
    for &row in rows {
        let mut takers = Vec::new();
        for &participant in W::ALL {
            if participant.abstains(row).is_some() {
                continue;
            }
            let plan = match row.operations() {
                Some(operations) => Ok(with_warm_up(operations)),
                None => plan(participant, row, options.milliseconds, cpu),
            };
            match plan {
                Ok(plan) => takers.push((participant, plan)),
                Err(error) => samples.fail(row, participant, error),
            }
        }
        plans.push((row, takers));
    }
    for round in 0..options.samples {
        progress(&format!("round {} of {}", round + 1, options.samples));
        for (row, takers) in plans.iter().filter(|(row, _)| round < row.rounds()) {
            for turn in 0..takers.len() * row.repeats() {
                let (participant, plan) = takers[(round + turn) % takers.len()];
                samples.add(*row, participant, sample(participant, *row, plan, cpu));
            }
        }
    }
    progress("");
    samples
}

/// A line that replaces the one before, for somebody who looks on.
fn progress(line: &str) {
    let mut errors = std::io::stderr();
    if errors.is_terminal() {
        // Nobody is told if that is not possible either.
        let _ = write!(errors, "\r\x1b[K{line}");
    }
}

fn with_warm_up(operations: u64) -> Plan {
    Plan {
        operations,
        warm_up: operations / WARM_UP,
    }
}

/// As many operations as take that long.
fn plan<W: Who>(participant: W, row: W::What, milliseconds: u64, cpu: usize) -> Outcome<Plan> {
    let mut operations = FIRST[usize::from(participant.is_slow())];
    loop {
        let plan = with_warm_up(operations);
        let cost = sample(participant, row, plan, cpu)?;
        if cost.cpu as f64 >= PILOT {
            return Ok(with_warm_up(
                (milliseconds as f64 * 1e6 / cost.each()) as u64,
            ));
        }
        // More than that, as it may be faster than it seems: small samples are mostly their beginning.
        let wanted = (PILOT * 1.5 / cost.each()) as u64;
        operations = wanted.clamp(operations + 1, operations * 100);
    }
}

fn sample<W: Who>(participant: W, row: W::What, plan: Plan, cpu: usize) -> Outcome<Cost> {
    let mut command = program("")?;
    command.arg("sample");
    command.args(arguments(participant, row, plan));
    command.args(["--cpu", &cpu.to_string()]);
    cost(&mut command)
}

/// The program called like this one with `suffix` behind it, built beside it.
pub(crate) fn program(suffix: &str) -> Outcome<Command> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut path = me.into_os_string();
    path.push(suffix);
    Ok(Command::new(path))
}

/// What a sample's command line has in common wherever it is taken.
pub(crate) fn arguments<W: Who>(participant: W, row: W::What, plan: Plan) -> [String; 4] {
    let name = |value: Option<PossibleValue>| {
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    };
    [
        name(participant.to_possible_value()),
        name(row.to_possible_value()),
        plan.operations.to_string(),
        plan.warm_up.to_string(),
    ]
}

/// Runs a program that prints a cost.
pub(crate) fn cost(command: &mut Command) -> Outcome<Cost> {
    let output = command.output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        let error = first_lines(&String::from_utf8_lossy(&output.stderr));
        return Err(format!("{}: {error}", output.status));
    }
    String::from_utf8_lossy(&output.stdout).trim().parse()
}

/// The two lines in which a panic says where it was and why.
fn first_lines(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.take(2).collect::<Vec<_>>().join(" ")
}

/// The processor that others want least, of those this process may use.
pub(crate) fn idlest() -> Outcome<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).map_err(|error| error.to_string())?;
    let before = idle()?;
    sleep(Duration::from_millis(500));
    let after = idle()?;
    let gained = |cpu: usize| {
        let at = |all: &[(usize, u64)]| all.iter().find(|(one, _)| *one == cpu).map(|one| one.1);
        Some(at(&after)?.saturating_sub(at(&before)?))
    };
    (0..CpuSet::count())
        .filter(|&cpu| allowed.is_set(cpu).unwrap_or(false))
        // The last one of equals: the first serves most interrupts.
        .max_by_key(|&cpu| gained(cpu))
        .ok_or_else(|| "no processor to run on".to_owned())
}

/// How long each processor has been idle so far.
fn idle() -> Outcome<Vec<(usize, u64)>> {
    let text = fs::read_to_string("/proc/stat").map_err(|error| error.to_string())?;
    Ok(text.lines().filter_map(idle_of).collect())
}

fn idle_of(line: &str) -> Option<(usize, u64)> {
    let mut words = line.strip_prefix("cpu")?.split(' ');
    let cpu = words.next()?.parse().ok()?;
    Some((cpu, words.nth(3)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{arguments, first_lines, idle_of};
    use crate::Plan;
    use crate::example::{Party, Row};

    #[test]
    fn idle_time_is_read_of_each_processor_alone() {
        assert_eq!(idle_of("cpu1 10 20 30 400 5 0 0"), Some((1, 400)));
        assert_eq!(idle_of("cpu  10 20 30 400 5 0 0"), None);
        assert_eq!(idle_of("intr 1 2 3"), None);
    }

    #[test]
    fn a_panic_is_told_in_a_line() {
        let text = "\nthread 'main' panicked at a.rs:1:2:\nno room\nnote: run with more\n";
        assert_eq!(
            first_lines(text),
            "thread 'main' panicked at a.rs:1:2: no room"
        );
    }

    #[test]
    fn a_sample_is_asked_for_by_the_names_that_its_command_line_knows() {
        let plan = Plan {
            operations: 8,
            warm_up: 1,
        };
        let words = arguments(Party::PeerArena, Row::Yield2, plan);
        assert_eq!(words, ["peer-arena", "yield2", "8", "1"]);
    }
}
