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

/// The median of the ratios round by round, since neighbours in time saw the same machine.
#[must_use]
pub fn median_ratio(values: &[f64], of: &[f64]) -> f64 {
    let ratios: Vec<f64> = values.iter().zip(of).map(|(a, b)| a / b).collect();
    median(&ratios)
}

/// Prints compiler, kernel, processor, and the versions of these packages in a lock file.
pub fn print_versions(lock: &str, packages: &[&str]) {
    let first_line = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_else(|_| format!("{program}: unknown"))
    };
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    println!(
        "{}; kernel {}; {}",
        first_line("rustc", "--version"),
        first_line("uname", "-r"),
        processor.as_deref().unwrap_or("unknown processor")
    );
    let versions: Vec<String> = packages
        .iter()
        .map(|name| {
            let version = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
            let version = version.and_then(|(_, rest)| rest.split('"').next());
            format!("{name} {}", version.unwrap_or("?"))
        })
        .collect();
    println!("{}", versions.join(", "));
}

#[cfg(test)]
mod tests {
    use super::{median, median_ratio};

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(median_ratio(&[1.0, 4.0, 9.0], &[1.0, 2.0, 3.0]), 2.0);
    }
}
