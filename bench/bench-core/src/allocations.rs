//! How often wires ask the allocator: the other program of this package counts, since counting would
//! slow down the participants that do.

use std::process::Command;

use crate::report::{Verdict, did_not_run};

/// Prints the counts; each must be zero.
pub(crate) fn section() -> Vec<Verdict> {
    println!("\nallocations over 100,000 operations");
    let program = std::env::current_exe().map(|me| me.with_file_name("allocations"));
    let output = program.and_then(|program| Command::new(program).output());
    let output = match output {
        Ok(output) if output.status.success() => output,
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return vec![did_not_run(format!("allocations: {error}"))];
        }
        Err(error) => return vec![did_not_run(format!("allocations: {error}"))],
    };
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    text.lines().map(judge).collect()
}

fn judge(line: &str) -> Verdict {
    let what = format!("allocations: {line}");
    match line
        .rsplit_once(": ")
        .map(|(_, count)| count.parse::<u64>())
    {
        Some(Ok(0)) => Verdict { what, used: 0.0 },
        Some(Ok(_)) => Verdict {
            what,
            used: f64::MAX,
        },
        _ => did_not_run(what),
    }
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn only_zero_is_kept() {
        assert!(judge("yield: 0").used <= 1.0);
        assert!(judge("yield: 1").used > 1.0);
        assert!(judge("yield").used > 1.0);
    }
}
