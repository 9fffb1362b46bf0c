//! How late a sleep ends, on a machine that has nothing else to do.

use std::fmt;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

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
    /// Of nanoseconds of work between two sleeps, in a thousand, how many were on the processor.
    pub share: u64,
}

impl Lateness {
    /// Of a wire that nobody disturbs.
    #[must_use]
    pub fn of_wires() -> Lateness {
        let sleep = |duration| wire_fd::sleep(duration).expect("nobody interrupts");
        wire_pool::run(|| Lateness::of(sleep))
    }

    /// Of the thread itself, which tells what the machine can do.
    #[must_use]
    pub fn of_threads() -> Lateness {
        Lateness::of(thread::sleep)
    }

    fn of(sleep: impl Fn(Duration)) -> Lateness {
        let mut late = Vec::with_capacity(SLEEPS as usize);
        let (mut cpu, mut wall) = (Duration::ZERO, Duration::ZERO);
        for number in 0..SLEEPS {
            let duration = SHORTEST + SHORTEST * 2 * number / SLEEPS;
            let start = Instant::now();
            sleep(duration);
            late.push((start.elapsed().saturating_sub(duration)).as_nanos() as u64);
            let (cpu_before, wall_before) = (used(), Instant::now());
            (0..20_000).for_each(|number| {
                black_box(number);
            });
            wall += wall_before.elapsed();
            cpu += used().saturating_sub(cpu_before);
        }
        late.sort_unstable();
        let at = |share: usize| late[late.len() * share / 100];
        Lateness {
            median: at(50),
            p99: at(99),
            most: late[late.len() - 1],
            share: (cpu.as_nanos() * 1000 / wall.as_nanos().max(1)) as u64,
        }
    }
}

fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .expect("Linux has this clock")
        .into()
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lateness {
            median,
            p99,
            most,
            share,
        } = self;
        write!(f, "{median} {p99} {most} {share}")
    }
}

impl std::str::FromStr for Lateness {
    type Err = String;

    fn from_str(text: &str) -> Result<Lateness, String> {
        let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[median, p99, most, share]) => Ok(Lateness {
                median,
                p99,
                most,
                share,
            }),
            _ => Err(format!("a probe printed {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lateness;

    #[test]
    fn a_lateness_survives_being_printed() {
        let late = Lateness {
            median: 1,
            p99: 2,
            most: 3,
            share: 4,
        };
        assert_eq!(late.to_string().parse(), Ok(late));
        assert!("1 2 3".parse::<Lateness>().is_err());
    }

    #[test]
    fn a_sleep_that_is_late_by_so_much_is_found_so() {
        let late = Lateness::of(|duration| {
            // As long as it takes, and at least a little more.
            std::thread::sleep(duration + std::time::Duration::from_micros(100));
        });
        assert!(late.median >= 100_000, "{late:?}");
        assert!(late.median <= late.p99 && late.p99 <= late.most, "{late:?}");
    }
}
