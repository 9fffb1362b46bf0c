//! The tables of times.

use std::collections::BTreeMap;

use bench_stats::{median, range};

use crate::samples::Samples;
use crate::verdict::Verdict;
use crate::{What, Who};

/// Below this share of the processor, a sample has company that may disturb its caches as well.
const BUSY: f64 = 0.9;

/// Prints the table of times, and how much the machine was disturbed.
pub(crate) fn times<W: Who>(samples: &Samples<W>, raw: bool) {
    println!("\nnanoseconds of processor time per operation: median (least..most)");
    print!("{:>17}", "");
    for row in samples.rows() {
        print!(" {:>26}", row.title());
    }
    println!();
    for &participant in W::ALL {
        print!("{:>17}", participant.title());
        for row in samples.rows() {
            print!(" {:>26}", cell(&samples.times(row, participant)));
        }
        println!();
    }
    let all = || {
        samples
            .rows()
            .flat_map(|row| W::ALL.iter().map(move |&one| (row, one)))
    };
    for line in abstentions(all()) {
        println!("{line}");
    }
    if raw {
        println!("\nsamples");
        for (row, participant) in all() {
            let times = samples.times(row, participant);
            if !times.is_empty() {
                println!("{}, {}: {times:.2?}", participant.title(), row.title());
            }
        }
    }
    for row in samples.rows().filter(|row| row.pace().is_some()) {
        print!("{}, of those asked for:", row.title());
        for &participant in W::ALL {
            let shares = samples.shares(row, participant);
            if !shares.is_empty() {
                print!(" {} {:.1} %;", participant.title(), median(&shares) * 100.0);
            }
        }
        println!();
    }
    let shares: Vec<f64> = all()
        .filter(|(row, one)| one.is_one_thread() && !row.waits())
        .flat_map(|(row, participant)| samples.costs(row, participant))
        .map(|cost| cost.cpu as f64 / cost.wall as f64)
        .collect();
    if shares.is_empty() {
        return;
    }
    let busy = shares.iter().filter(|share| **share < BUSY).count();
    println!(
        "share of the processor that samples had: median {:.0} %; {busy} of {} had less than {:.0} %{}",
        median(&shares) * 100.0,
        shares.len(),
        BUSY * 100.0,
        if busy * 10 > shares.len() {
            ": the machine is busy, better measure again"
        } else {
            ""
        }
    );
}

/// Why who has nothing to measure, a line for each reason.
fn abstentions<W: Who>(all: impl Iterator<Item = (W::What, W)>) -> Vec<String> {
    let mut reasons = BTreeMap::<&str, BTreeMap<W, Vec<&str>>>::new();
    for (row, participant) in all {
        if let Some(why) = participant.abstains(row) {
            let rows = reasons.entry(why).or_default();
            rows.entry(participant).or_default().push(row.title());
        }
    }
    let line = |(why, who): (&str, BTreeMap<W, Vec<&str>>)| {
        let who = who.iter();
        let who =
            who.map(|(participant, rows)| format!("{}: {}", participant.title(), rows.join(" / ")));
        format!("– {} ({why})", who.collect::<Vec<_>>().join("; "))
    };
    reasons.into_iter().map(line).collect()
}

fn cell(values: &[f64]) -> String {
    if values.is_empty() {
        return "–".to_owned();
    }
    let (least, most) = range(values);
    let digits = usize::from(most < 1000.0);
    format!(
        "{:.digits$} ({least:.digits$}..{most:.digits$})",
        median(values)
    )
}

/// Prints what was to hold, and how wires compare with others beside that.
pub(crate) fn limits<W: Who>(samples: &Samples<W>, verdicts: &[Verdict]) {
    println!("\nlimits: median of the rounds' ratios");
    for verdict in verdicts {
        println!("{verdict}");
    }
    for row in samples.rows() {
        for &other in row.aside() {
            let ratios = samples.ratios((row, W::WIRES), (row, other));
            if !ratios.is_empty() {
                println!(
                    "{} of \"{}\": {:.3}, for information",
                    row.title(),
                    other.title(),
                    median(&ratios)
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{abstentions, cell};
    use crate::example::{Party, Row};

    #[test]
    fn who_abstains_is_told_once_for_each_reason() {
        let all = [
            (Row::Create, Party::Peer),
            (Row::Free, Party::Peer),
            (Row::Free, Party::PeerArena),
            (Row::Free, Party::Wires),
        ];
        assert_eq!(
            abstentions(all.into_iter()),
            ["– peer: create / anything; peer, arena: anything (it never does)"]
        );
    }

    #[test]
    fn cells_have_median_and_range() {
        assert_eq!(cell(&[2.0, 1.0, 4.0]), "2.0 (1.0..4.0)");
        assert_eq!(cell(&[2000.4]), "2000 (2000..2000)");
        assert_eq!(cell(&[]), "–");
    }
}
