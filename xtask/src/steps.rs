//! Running named steps one after the other, and the summary at the end.
//!
//! A failing step never hides those after it, and nothing is left out without a word: a step that
//! cannot run for want of a tool says so in the table, and under `CI=true` it counts as failed.

use std::time::{Duration, Instant};

use crate::run::{self, Problem, Tests};

/// What a step may give back when it succeeded.
pub(crate) enum Done {
    /// It counts as one thing that passed.
    Once,
    /// It counts as one, and has something to say.
    Noted(String),
    /// It counts as many as test cases passed.
    Tests(Tests),
}

/// One step: the name a person types, what it is, and how to run it.
pub(crate) struct Step<'a> {
    pub(crate) name: &'a str,
    pub(crate) about: &'a str,
    pub(crate) run: Box<dyn Fn() -> run::Result<Done> + 'a>,
}

impl<'a> Step<'a> {
    pub(crate) fn new(
        name: &'a str,
        about: &'a str,
        run: impl Fn() -> run::Result<Done> + 'a,
    ) -> Self {
        Self {
            name,
            about,
            run: Box::new(run),
        }
    }
}

/// A check that has no more to say than yes or no.
pub(crate) fn once(outcome: run::Result) -> run::Result<Done> {
    outcome.map(|()| Done::Once)
}

/// A step's line in the table.
struct Row {
    name: String,
    outcome: run::Result<Done>,
    time: Duration,
}

/// Runs the steps and prints the summary; `left_out` names steps the caller was told to skip.
pub(crate) fn run_all(steps: &[Step<'_>], left_out: &[&str]) -> run::Result {
    let mut rows = Vec::new();
    for step in steps {
        println!("\n=== {}: {}", step.name, step.about);
        run::flush();
        let start = Instant::now();
        let outcome = (step.run)();
        let row = Row {
            name: step.name.into(),
            outcome,
            time: start.elapsed(),
        };
        println!(
            "=== {}: {} after {}",
            row.name,
            verdict(&row.outcome),
            seconds(row.time)
        );
        rows.push(row);
    }
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    let (text, failures) = summary(&rows, left_out, strict);
    println!("\n{text}");
    run::flush();
    if failures == 0 {
        Ok(())
    } else {
        Err(Problem::Summarised)
    }
}

fn verdict(outcome: &run::Result<Done>) -> &'static str {
    match outcome {
        Ok(_) => "passed",
        Err(Problem::NotRun { .. }) => "not run",
        Err(_) => "FAILED",
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The table and the last line, and how many failures they tell of.
fn summary(rows: &[Row], left_out: &[&str], strict: bool) -> (String, u64) {
    let (mut passed, mut failed) = (0, 0);
    let width = rows
        .iter()
        .map(|row| row.name.len())
        .max()
        .unwrap_or(0)
        .max(4);
    let mut text = format!("{:width$}  {:8} {:>9}  notes\n", "step", "result", "time");
    for row in rows {
        let note = match &row.outcome {
            Ok(Done::Once) => {
                passed += 1;
                String::new()
            }
            Ok(Done::Noted(note)) => {
                passed += 1;
                note.clone()
            }
            Ok(Done::Tests(tests)) => {
                passed += tests.passed;
                tally(*tests)
            }
            Err(Problem::Tests(tests, why)) => {
                passed += tests.passed;
                failed += tests.failed;
                format!("{}: {why}", tally(*tests))
            }
            Err(problem @ Problem::NotRun { .. }) => {
                failed += u64::from(strict);
                let consequence = if strict {
                    "; a failure, because CI=true"
                } else {
                    ""
                };
                format!("{problem}{consequence}")
            }
            Err(problem) => {
                failed += 1;
                problem.to_string()
            }
        };
        let line = format!(
            "{:width$}  {:8} {:>9}  {note}",
            row.name,
            verdict(&row.outcome),
            seconds(row.time)
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if !left_out.is_empty() {
        text.push_str(&format!(
            "a partial run; left out on request: {}\n",
            left_out.join(", ")
        ));
    }
    text.push_str(&format!("{passed} passed, {failed} failed"));
    (text, failed)
}

fn tally(tests: Tests) -> String {
    let ignored = if tests.ignored == 0 {
        String::new()
    } else {
        format!(", {} ignored", tests.ignored)
    };
    let left_out = if tests.left_out == 0 {
        String::new()
    } else {
        format!(", {} left out", tests.left_out)
    };
    format!(
        "{} passed, {} failed{ignored}{left_out}",
        tests.passed, tests.failed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, outcome: run::Result<Done>) -> Row {
        Row {
            name: name.into(),
            outcome,
            time: Duration::from_millis(1234),
        }
    }

    fn last_line(text: &str) -> &str {
        text.lines().last().unwrap()
    }

    #[test]
    fn test_cases_count_each_and_other_steps_once() {
        let tests = Tests {
            passed: 10,
            failed: 0,
            ignored: 0,
            left_out: 0,
        };
        let rows = [
            row("fmt", Ok(Done::Once)),
            row("test", Ok(Done::Tests(tests))),
        ];
        let (text, failures) = summary(&rows, &[], true);
        assert_eq!((last_line(&text), failures), ("11 passed, 0 failed", 0));
    }

    #[test]
    fn failures_of_both_kinds_are_counted() {
        let tests = Tests {
            passed: 8,
            failed: 2,
            ignored: 0,
            left_out: 0,
        };
        let rows = [
            row("tidy", Err(Problem::Failed("two complaints".into()))),
            row(
                "test",
                Err(Problem::Tests(tests, "exit status: 101".into())),
            ),
        ];
        let (text, failures) = summary(&rows, &[], false);
        assert_eq!((last_line(&text), failures), ("8 passed, 3 failed", 3));
        assert!(text.contains("two complaints"));
    }

    #[test]
    fn a_missing_tool_is_told_to_a_person_and_fails_in_ci() {
        let missing = || {
            row(
                "deep",
                Err(Problem::NotRun {
                    needs: "valgrind".into(),
                    how: "apt".into(),
                }),
            )
        };
        let (text, failures) = summary(&[missing()], &[], false);
        assert_eq!((last_line(&text), failures), ("0 passed, 0 failed", 0));
        assert!(text.contains("not run: needs valgrind (apt)"));
        let (text, failures) = summary(&[missing()], &[], true);
        assert_eq!((last_line(&text), failures), ("0 passed, 1 failed", 1));
        assert!(text.contains("a failure, because CI=true"));
    }

    #[test]
    fn steps_left_out_are_named() {
        let (text, _) = summary(&[row("fmt", Ok(Done::Once))], &["web", "pick"], false);
        assert!(text.contains("a partial run; left out on request: web, pick"));
        assert_eq!(last_line(&text), "1 passed, 0 failed");
    }
}
