//! What has limits and is no cost of an operation: system calls, memory of idle connections, lateness.

use std::process::Command;

use bench_harness::{Verdict, Who};
use clap::ValueEnum;

use crate::generator::beside;
use crate::lateness::Lateness;
use crate::participant::Participant;
use crate::row::Row;

/// System calls of a request beyond the plain loop's.
const MORE_CALLS: f64 = 0.02;
/// Requests of which they are counted; and twice as many, so that what start and end take cancels out.
const REQUESTS: u64 = 10_000;
const IDLE: usize = 9_000;
/// Bytes of each.
const IDLE_LIMIT: f64 = 6.0 * 1024.0;
/// Nanoseconds.
const LATE_LIMIT: u64 = 200_000;
/// Above this use of the processor, in thousandths, the machine is not idle.
const BUSY: u64 = 100;

pub(crate) fn sections(cpu: usize) -> Vec<Verdict> {
    vec![system_calls(), idle(), lateness(cpu)]
}

fn system_calls() -> Verdict {
    println!("\nsystem calls per request, 1,000 connections, by strace");
    if let Err(error) = Command::new("strace").arg("-V").output() {
        let why = format!(
            "not measured: strace: {error}; the system's package manager has it (apt install strace)"
        );
        println!("{why}");
        return Verdict::did_not_run(format!("system calls {why}"));
    }
    let who = [
        Participant::Wires,
        Participant::Plain,
        Participant::Tokio,
        Participant::May,
    ];
    let counts = who.map(|one| {
        let calls = calls_each(one);
        match &calls {
            Ok(count) => println!("{:>17} {count:.3}", one.title()),
            Err(error) => println!("{:>17} not measured: {error}", one.title()),
        }
        calls
    });
    let [wires, plain, ..] = counts;
    judge_calls(wires, plain)
}

fn judge_calls(wires: Result<f64, String>, plain: Result<f64, String>) -> Verdict {
    match (wires, plain) {
        (Ok(wires), Ok(plain)) => {
            let most = plain + MORE_CALLS;
            let what = format!("system calls per request: {wires:.3}, at most {most:.3}");
            Verdict::measured(what, wires / most)
        }
        (Err(error), _) | (_, Err(error)) => {
            Verdict::did_not_run(format!("system calls per request: {error}"))
        }
    }
}

fn calls_each(who: Participant) -> Result<f64, String> {
    let (once, twice) = (calls(who, REQUESTS)?, calls(who, 2 * REQUESTS)?);
    Ok((twice - once) / REQUESTS as f64)
}

/// Of all threads of a whole sample, without who asks: that one is let go when it starts its program.
fn calls(who: Participant, requests: u64) -> Result<f64, String> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-b", "execve"]);
    strace.arg(beside("bench-net")?).arg("sample");
    strace.args([name(who), name(Row::Echo1000)]);
    strace.args([&requests.to_string(), "2000"]);
    let output = strace
        .output()
        .map_err(|error| format!("strace: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    match total(&text) {
        Some(calls) if output.status.success() => Ok(calls),
        _ => Err(format!(
            "strace: {}: {}",
            output.status,
            text.lines().next().unwrap_or("silent")
        )),
    }
}

/// From the last line of strace's table: share, seconds, microseconds each, calls, perhaps errors, "total".
fn total(text: &str) -> Option<f64> {
    let line = text
        .lines()
        .rev()
        .find(|line| line.trim_end().ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

fn name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn idle() -> Verdict {
    println!("\n{IDLE} idle connections, bytes resident for each, stack included");
    let who = [
        Participant::Wires,
        Participant::Plain,
        Participant::Tokio,
        Participant::May,
    ];
    let each = who.map(|one| {
        let arguments = ["idle".to_owned(), name(one), IDLE.to_string()];
        let bytes = probe(&arguments).and_then(|text| {
            let bytes = text.parse::<f64>();
            bytes.map_err(|error| format!("a probe printed {text:?}: {error}"))
        });
        match &bytes {
            Ok(bytes) => println!("{:>17} {bytes:.0}", one.title()),
            Err(error) => println!("{:>17} not measured: {error}", one.title()),
        }
        bytes
    });
    let [wires, ..] = each;
    match wires {
        Ok(bytes) => {
            let what = format!("bytes for an idle connection: {bytes:.0}, at most {IDLE_LIMIT}");
            Verdict::measured(what, bytes / IDLE_LIMIT)
        }
        Err(error) => Verdict::did_not_run(format!("bytes for an idle connection: {error}")),
    }
}

fn lateness(cpu: usize) -> Verdict {
    println!("\nlateness of sleeps of 1 to 3 ms, microseconds: median, 99th percentile, most");
    let probes = [("wires", None), ("std's thread::sleep", Some("--thread"))];
    let [wires, _] = probes.map(|(who, option)| {
        let cpu = cpu.to_string();
        let arguments = ["lateness", "--cpu", &cpu].into_iter().chain(option);
        let arguments: Vec<String> = arguments.map(str::to_owned).collect();
        let late = probe(&arguments).and_then(|text| text.parse::<Lateness>());
        match &late {
            Ok(late) => println!("{who:>20} {}", said(late)),
            Err(error) => println!("{who:>20} not measured: {error}"),
        }
        late
    });
    match wires {
        Ok(late) => judge_lateness(&late),
        Err(error) => Verdict::did_not_run(format!("lateness of sleeps: {error}")),
    }
}

fn said(late: &Lateness) -> String {
    let [median, p99, most] = [late.median, late.p99, late.most].map(|ns| ns as f64 / 1e3);
    let busy = if late.busy > BUSY {
        "; the machine is busy, better measure again"
    } else {
        ""
    };
    let share = late.busy as f64 / 10.0;
    format!("{median:.0}, {p99:.0}, {most:.0}; processor in use {share:.0} %{busy}")
}

fn judge_lateness(late: &Lateness) -> Verdict {
    let what = format!(
        "lateness of sleeps, 99th percentile: {:.0} us, at most {}",
        late.p99 as f64 / 1e3,
        LATE_LIMIT / 1000
    );
    Verdict::measured(what, late.p99 as f64 / LATE_LIMIT as f64)
}

fn probe(arguments: &[String]) -> Result<String, String> {
    let output = Command::new(beside("bench-net-probe")?)
        .args(arguments)
        .output()
        .map_err(|error| format!("bench-net-probe: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, text.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{MORE_CALLS, judge_calls, judge_lateness, said, total};
    use crate::lateness::Lateness;

    #[test]
    fn the_total_is_found_with_and_without_errors() {
        let with = "x\n100.00    0.001234          17        71         3 total\n";
        assert_eq!(total(with), Some(71.0));
        assert_eq!(
            total("100.00    0.001234          17        72           total"),
            Some(72.0)
        );
        assert_eq!(total("strace: nothing"), None);
    }

    #[test]
    fn calls_beyond_the_plain_loops_fall_short() {
        let judge = |wires: f64| judge_calls(Ok(wires), Ok(2.0)).kept();
        assert!(judge(2.0 + MORE_CALLS));
        assert!(!judge(2.0 + MORE_CALLS + 0.001));
        assert!(!judge_calls(Ok(2.0), Err("gone".to_owned())).kept());
        assert!(!judge_calls(Err("gone".to_owned()), Ok(2.0)).kept());
    }

    #[test]
    fn sleeps_that_end_too_late_fall_short_and_a_busy_machine_is_told() {
        let late = |p99, busy| Lateness {
            median: 1_000,
            p99,
            most: 300_000,
            busy,
        };
        assert!(judge_lateness(&late(200_000, 0)).kept());
        assert!(!judge_lateness(&late(200_001, 0)).kept());
        assert_eq!(said(&late(60_000, 20)), "1, 60, 300; processor in use 2 %");
        assert!(
            said(&late(60_000, 500))
                .ends_with("in use 50 %; the machine is busy, better measure again")
        );
    }
}
