//! What the benchmarks have in common: medians, and what they ran on.

use std::process::Command;

/// The median; NaN of nothing.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The least and the greatest; infinities of nothing.
#[must_use]
pub fn range(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (
        least,
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    )
}

/// The ratios round by round, since neighbours in time saw the same machine. What one of the two
/// has more of is left out.
#[must_use]
pub fn ratios(values: &[f64], of: &[f64]) -> Vec<f64> {
    values.iter().zip(of).map(|(a, b)| a / b).collect()
}

/// Compiler, kernel and processor, then the versions of these packages as a lock file has them.
#[must_use]
pub fn versions(lock: &str, packages: &[&str]) -> String {
    let packages: Vec<String> = packages
        .iter()
        .map(|name| format!("{name} {}", locked(lock, name).unwrap_or("?")))
        .collect();
    format!(
        "{}; kernel {}; {}\n{}",
        output("rustc", "--version"),
        output("uname", "-r"),
        processor().unwrap_or_else(|| "unknown processor".to_owned()),
        packages.join(", ")
    )
}

fn output(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| format!("{program}: unknown"))
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::{locked, median, range, ratios};

    #[test]
    fn medians_and_ranges() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(range(&[3.0, 1.0, 2.0]), (1.0, 3.0));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        assert_eq!(ratios(&[1.0, 4.0, 9.0], &[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]);
        assert_eq!(ratios(&[1.0, 4.0], &[2.0]), [0.5]);
    }

    #[test]
    fn versions_come_from_the_lock_file() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"2.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"1.2.3\"\n";
        assert_eq!(locked(lock, "b"), Some("1.2.3"));
        assert_eq!(locked(lock, "c"), None);
    }
}
