//! The tables, and the verdict.

use std::collections::BTreeMap;

use bench_stats::{median, median_ratio};

use crate::Outcome;
use crate::participant::Participant;
use crate::rows::Row;

/// All samples, in the order of the rounds.
#[derive(Default)]
pub(crate) struct Samples {
    taken: BTreeMap<(Row, Participant), Vec<f64>>,
    failures: BTreeMap<(Row, Participant), String>,
}

impl Samples {
    pub(crate) fn add(&mut self, participant: Participant, row: Row, sample: Outcome<f64>) {
        match sample {
            Ok(nanoseconds) => self
                .taken
                .entry((row, participant))
                .or_default()
                .push(nanoseconds),
            Err(error) => {
                self.failures.insert((row, participant), error);
            }
        }
    }

    fn of(&self, row: Row, participant: Participant) -> &[f64] {
        self.taken
            .get(&(row, participant))
            .map_or(&[], Vec::as_slice)
    }
}

/// One thing that was to hold.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    /// How much of the limit was used; 1 is just right, infinity what did not run.
    pub(crate) used: f64,
}

/// Prints the rows, and says which limits were kept.
pub(crate) fn times(samples: &Samples, raw: bool) -> Vec<Verdict> {
    println!("\nnanoseconds per operation: median of samples (least..most)");
    print!("{:<30}", "");
    for participant in Participant::ALL {
        print!(" {:>23}", participant.title());
    }
    println!();
    for row in Row::ALL {
        print!("{:<30}", row.title());
        for participant in Participant::ALL {
            print!(" {:>23}", cell(samples.of(row, participant)));
        }
        println!();
    }
    if raw {
        println!("\nsamples");
        for ((row, participant), values) in &samples.taken {
            println!("{row} {participant}: {values:.2?}");
        }
    }
    println!("\nlimits: the median of the rounds' ratios");
    let mut verdicts: Vec<Verdict> = Row::ALL.iter().map(|row| limit(*row, samples)).collect();
    for verdict in &verdicts {
        println!("{}", verdict.what);
    }
    for ((row, participant), error) in &samples.failures {
        let what = format!("{participant} did not run {row}: {error}");
        println!("{what}");
        verdicts.push(did_not_run(what));
    }
    verdicts
}

fn cell(values: &[f64]) -> String {
    if values.is_empty() {
        return "-".to_owned();
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let digits = usize::from(most < 100.0);
    format!(
        "{:.digits$} ({least:.digits$}..{most:.digits$})",
        median(values)
    )
}

fn limit(row: Row, samples: &Samples) -> Verdict {
    let (limit, whose, which) = row.limit();
    let (ours, theirs) = (
        samples.of(row, Participant::Wires),
        samples.of(which, whose),
    );
    let name = format!("{}, of {}: {}", row.title(), whose.title(), which.title());
    // A round that one of them missed would set the others against the wrong ones.
    if ours.is_empty() || ours.len() != theirs.len() {
        return did_not_run(format!("{name}: not measured"));
    }
    let ratio = median_ratio(ours, theirs);
    Verdict {
        what: format!("{name}: {ratio:.3}, at most {limit}"),
        used: ratio / limit,
    }
}

pub(crate) fn did_not_run(what: String) -> Verdict {
    Verdict {
        what,
        used: f64::INFINITY,
    }
}

/// Prints the worst of all; whether everything was kept.
pub(crate) fn verdict(verdicts: &[Verdict]) -> bool {
    let worst = verdicts.iter().max_by(|a, b| a.used.total_cmp(&b.used));
    let worst = worst.expect("there are limits");
    let short = verdicts.iter().filter(|one| one.used > 1.0).count();
    println!(
        "\n{} of {} limits kept",
        verdicts.len() - short,
        verdicts.len()
    );
    let word = if short > 0 { "falls short" } else { "kept" };
    println!("worst ({word}): {}", worst.what);
    short == 0
}

#[cfg(test)]
mod tests {
    use super::{Samples, did_not_run, limit, times, verdict};
    use crate::participant::Participant::{Corosensei, Wires};
    use crate::rows::Row;

    fn samples(ours: &[f64], theirs: &[f64]) -> Samples {
        let mut samples = Samples::default();
        for (participant, values) in [(Wires, ours), (Corosensei, theirs)] {
            for value in values {
                samples.add(participant, Row::Create, Ok(*value));
            }
        }
        samples
    }

    #[test]
    fn rounds_are_compared_with_themselves() {
        // Of the medians, this would be 20 of 20.
        let got = limit(
            Row::Create,
            &samples(&[10.0, 20.0, 60.0], &[20.0, 40.0, 15.0]),
        );
        assert_eq!(got.used, 0.5);
    }

    #[test]
    fn one_that_falls_short_is_named_and_fails() {
        let kept = limit(Row::Create, &samples(&[1.0], &[1.0]));
        assert!(verdict(&[kept]));
        let kept = limit(Row::Create, &samples(&[1.0], &[1.0]));
        let short = limit(Row::Create, &samples(&[1.01], &[1.0]));
        assert!(!verdict(&[kept, short]));
    }

    #[test]
    fn what_did_not_run_falls_short() {
        assert!(!verdict(&[limit(
            Row::Create,
            &samples(&[1.0, 1.0], &[1.0])
        )]));
        assert!(!verdict(&[did_not_run("a peer".to_owned())]));
        let mut failed = samples(&[1.0], &[1.0]);
        failed.add(Corosensei, Row::Yield(2), Err("no such machine".to_owned()));
        let verdicts = times(&failed, false);
        assert!(
            verdicts
                .iter()
                .any(|one| one.what.contains("no such machine"))
        );
    }
}
