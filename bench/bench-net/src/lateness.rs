//! How late a sleep ends, on a machine that has nothing else to do.

use std::fmt;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Sleeps of one run.
const SLEEPS: u32 = 500;
/// They last from one of these to three.
const SHORTEST: Duration = Duration::from_millis(1);

/// Nanoseconds by which sleeps ended late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lateness {
    pub median: u64,
    /// One in a hundred was later.
    pub p99: u64,
    pub most: u64,
    /// The share of the time in which the processor was in use, in thousandths: these sleeps need little.
    pub busy: u64,
}

impl Lateness {
    /// Of a wire, on this processor.
    #[must_use]
    pub fn of_wires(cpu: usize) -> Lateness {
        let sleep = |duration| wire_fd::sleep(duration).expect("nobody interrupts");
        wire_pool::run(|| Lateness::of(cpu, sleep))
    }

    /// Of the thread itself, which tells what the machine can do.
    #[must_use]
    pub fn of_threads(cpu: usize) -> Lateness {
        Lateness::of(cpu, thread::sleep)
    }

    fn of(cpu: usize, sleep: impl Fn(Duration)) -> Lateness {
        let mut late = Vec::with_capacity(SLEEPS as usize);
        let before = Usage::now(cpu);
        for number in 0..SLEEPS {
            let duration = SHORTEST + SHORTEST * 2 * number / SLEEPS;
            let start = Instant::now();
            sleep(duration);
            late.push((start.elapsed().saturating_sub(duration)).as_nanos() as u64);
        }
        let busy = Usage::now(cpu).since(before);
        late.sort_unstable();
        let at = |share: usize| late[late.len() * share / 100];
        Lateness {
            median: at(50),
            p99: at(99),
            most: late[late.len() - 1],
            busy,
        }
    }
}

/// What a processor did so far, in the kernel's ticks.
#[derive(Clone, Copy)]
struct Usage {
    idle: u64,
    all: u64,
}

impl Usage {
    fn now(cpu: usize) -> Usage {
        let text = fs::read_to_string("/proc/stat").expect("the kernel says what processors do");
        let name = format!("cpu{cpu} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        Usage::of(line.expect("it says so of each"))
    }

    /// Of a line: user, nice, system, idle, waiting for a disk, interrupts twice, stolen; guests are users.
    fn of(line: &str) -> Usage {
        let numbers = line.split_whitespace().take(8);
        let numbers: Vec<u64> = numbers.filter_map(|word| word.parse().ok()).collect();
        Usage {
            idle: numbers[3] + numbers[4],
            all: numbers.iter().sum(),
        }
    }

    /// The share that was not idle, in thousandths.
    fn since(self, before: Usage) -> u64 {
        let (idle, all) = (self.idle - before.idle, self.all - before.all);
        1000 - (idle * 1000).checked_div(all).unwrap_or(1000).min(1000)
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lateness {
            median,
            p99,
            most,
            busy,
        } = self;
        write!(f, "{median} {p99} {most} {busy}")
    }
}

impl std::str::FromStr for Lateness {
    type Err = String;

    fn from_str(text: &str) -> Result<Lateness, String> {
        let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[median, p99, most, busy]) => Ok(Lateness {
                median,
                p99,
                most,
                busy,
            }),
            _ => Err(format!("a probe printed {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lateness, Usage};

    #[test]
    fn a_lateness_survives_being_printed() {
        let late = Lateness {
            median: 1,
            p99: 2,
            most: 3,
            busy: 4,
        };
        assert_eq!(late.to_string().parse(), Ok(late));
        assert!("1 2 3".parse::<Lateness>().is_err());
    }

    #[test]
    fn a_processor_is_busy_when_it_is_not_idle() {
        let before = Usage::of("10 0 10 100 0 0 0 0 0 0");
        // Of a hundred ticks, ten in user code, five in the kernel and five stolen; the rest waits or is idle.
        let after = Usage::of("20 0 15 170 10 0 0 5 9 9");
        assert_eq!(after.since(before), 200);
        assert_eq!(after.since(after), 0);
    }

    #[test]
    fn a_sleep_that_is_late_by_so_much_is_found_so() {
        let late = Lateness::of(0, |duration| {
            // As long as it takes, and at least a little more.
            std::thread::sleep(duration + std::time::Duration::from_micros(100));
        });
        assert!(late.median >= 100_000, "{late:?}");
        assert!(late.median <= late.p99 && late.p99 <= late.most, "{late:?}");
    }
}
