//! What had to hold, and whether it did.

use std::fmt;

use bench_stats::median;

use crate::samples::Samples;
use crate::{Reference, What, Who};

/// One thing that was to hold.
#[derive(Debug)]
pub struct Verdict {
    pub(crate) what: String,
    /// How much of the limit was used: 1 is just right, infinity did not run or has no measure.
    used: f64,
}

impl Verdict {
    /// It used this much of its limit.
    #[must_use]
    pub fn measured(what: impl Into<String>, used: f64) -> Verdict {
        Verdict {
            what: what.into(),
            // What is not a number was not measured.
            used: if used.is_nan() { f64::INFINITY } else { used },
        }
    }

    /// It has no measure, which is as bad as can be.
    #[must_use]
    pub fn did_not_run(what: impl Into<String>) -> Verdict {
        Verdict::measured(what, f64::INFINITY)
    }

    #[must_use]
    pub fn kept(&self) -> bool {
        self.used <= 1.0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { what, used } = self;
        match self.kept() {
            true => write!(f, "{what}: kept, {:.0} % of the limit", used * 100.0),
            false if used.is_infinite() => write!(f, "{what}: falls short"),
            false => write!(f, "{what}: falls short, {:.0} % of the limit", used * 100.0),
        }
    }
}

/// The one that used most of its limit; of equals the first.
pub(crate) fn worst(verdicts: &[Verdict]) -> Option<&Verdict> {
    verdicts
        .iter()
        .rev()
        .max_by(|a, b| a.used.total_cmp(&b.used))
}

/// Whoever did not run, and the limits of the rows.
pub(crate) fn of_times<W: Who>(samples: &Samples<W>) -> Vec<Verdict> {
    let failures = samples.failures().map(|(row, participant, error)| {
        let (who, what) = (participant.title(), row.title());
        Verdict::did_not_run(format!("{who} did not run in \"{what}\": {error}"))
    });
    let limits = samples.rows().flat_map(|row| {
        let limits = [row.limit(), row.second_limit()].into_iter().flatten();
        let ratios = limits.map(move |limit| of_ratio(samples, row, limit));
        ratios.chain(of_pace(samples, row))
    });
    failures.chain(limits).collect()
}

fn of_ratio<W: Who>(
    samples: &Samples<W>,
    row: W::What,
    (most, reference): (f64, Reference<W::What>),
) -> Verdict {
    let (title, theirs) = match reference {
        Reference::Own(other) => (other.title(), Some((other, W::WIRES))),
        Reference::Peers(peers) => {
            let fastest = samples.fastest(row, peers);
            let title = fastest.unwrap_or(peers[0]).title();
            (title, fastest.map(|one| (row, one)))
        }
    };
    let what = format!("{} of \"{title}\"", row.title());
    let Some(theirs) = theirs else {
        return Verdict::did_not_run(format!("{what}: not measured"));
    };
    let ratio = median(&samples.ratios((row, W::WIRES), theirs));
    let what = format!("{what}: {ratio:.3}, at most {most}");
    Verdict::measured(what, ratio / most)
}

fn of_pace<W: Who>(samples: &Samples<W>, row: W::What) -> Option<Verdict> {
    let least = row.pace()?.least?;
    let share = median(&samples.shares(row, W::WIRES));
    let what = format!(
        "{}, of those asked for: {:.1} %, at least {:.0} %",
        row.title(),
        share * 100.0,
        least * 100.0
    );
    Some(Verdict::measured(what, least / share))
}

/// The limits are those of the native switch.
pub(crate) fn of_backend(backend: &str) -> Verdict {
    let used = if backend == "native" {
        0.0
    } else {
        f64::INFINITY
    };
    Verdict::measured(format!("measured on the switch \"{backend}\""), used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Party::{Peer, PeerArena, Wires};
    use crate::example::{Party, Row};
    use crate::samples::tests::nanoseconds;

    fn limit(samples: &Samples<Party>, row: Row) -> Verdict {
        super::of_ratio(samples, row, row.limit().expect("the row has a limit"))
    }

    fn samples(of: &[(Row, Party, &[u64])]) -> Samples<Party> {
        let mut samples = Samples::default();
        for &(row, participant, times) in of {
            for &time in times {
                samples.add(row, participant, Ok(nanoseconds(time)));
            }
        }
        samples
    }

    #[test]
    fn rounds_are_compared_with_themselves() {
        // The medians alone would say 20 of 20.
        let samples = samples(&[
            (Row::Create, Wires, &[10, 20, 60]),
            (Row::Create, Peer, &[20, 40, 15]),
        ]);
        assert_eq!(limit(&samples, Row::Create).used, 0.5);
    }

    #[test]
    fn the_fastest_peer_counts() {
        let samples = samples(&[
            (Row::Create, Wires, &[10]),
            (Row::Create, Peer, &[20]),
            (Row::Create, PeerArena, &[5]),
        ]);
        let verdict = limit(&samples, Row::Create);
        assert_eq!(verdict.used, 2.0);
        assert!(verdict.what.contains("peer, arena"), "{verdict}");
    }

    #[test]
    fn a_row_of_its_own_is_measured_against_the_other() {
        let samples = samples(&[(Row::Yield2, Wires, &[100]), (Row::Switch, Wires, &[130])]);
        assert_eq!(limit(&samples, Row::Switch).used, 1.0);
    }

    #[test]
    fn the_worst_is_named_and_what_did_not_run_is_worst() {
        let mut verdicts = vec![
            Verdict::measured("one", 1.2),
            Verdict::measured("two", 1.4),
            Verdict::measured("three", 0.2),
        ];
        let named = |verdicts: &[Verdict]| worst(verdicts).unwrap().to_string();
        assert_eq!(named(&verdicts), "two: falls short, 140 % of the limit");
        verdicts.push(Verdict::did_not_run("may"));
        assert_eq!(named(&verdicts), "may: falls short");
        assert_eq!(named(&verdicts[2..3]), "three: kept, 20 % of the limit");
    }

    #[test]
    fn a_participant_that_failed_once_falls_short() {
        let mut samples = samples(&[(Row::Yield2, Peer, &[1, 2])]);
        samples.add(Row::Yield2, Peer, Err("out of memory".to_owned()));
        let verdicts = of_times(&samples);
        let peer = verdicts
            .iter()
            .find(|one| one.what.contains("out of memory"));
        assert!(!peer.unwrap().kept());
    }

    #[test]
    fn what_has_no_ratio_falls_short() {
        let nobody = samples(&[(Row::Create, Wires, &[10])]);
        assert!(!limit(&nobody, Row::Create).kept());
        let not_us = samples(&[(Row::Create, Peer, &[10])]);
        assert!(!limit(&not_us, Row::Create).kept());
        assert!(!of_backend("corosensei").kept());
    }

    #[test]
    fn what_has_no_limit_has_no_verdict() {
        assert!(super::of_times(&samples(&[(Row::Free, Wires, &[10])])).is_empty());
    }

    #[test]
    fn every_limit_of_a_row_has_a_verdict() {
        let samples = samples(&[(Row::Paced, Wires, &[10]), (Row::Paced, Peer, &[20])]);
        let verdicts = super::of_times(&samples);
        let used: Vec<f64> = verdicts.iter().map(|one| one.used).collect();
        // Half of the peer's, of which all and a half were allowed; one in ten nanoseconds, of which half.
        assert_eq!(used, [0.5, 1.0, 0.5]);
    }
}
