//! What the rounds gave, in their order.

use std::collections::BTreeMap;

use bench_stats::median;

use crate::{Cost, Outcome, What, Who};

/// All samples. Who failed in a round has none for it.
pub(crate) struct Samples<W: Who> {
    /// One for each round.
    taken: BTreeMap<(W::What, W), Vec<Option<Cost>>>,
    /// The first error of each.
    failures: BTreeMap<(W::What, W), String>,
}

impl<W: Who> Default for Samples<W> {
    fn default() -> Samples<W> {
        Samples {
            taken: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }
}

impl<W: Who> Samples<W> {
    pub(crate) fn add(&mut self, row: W::What, participant: W, sample: Outcome<Cost>) {
        let key = (row, participant);
        let sample = sample.map_err(|error| self.failures.entry(key).or_insert(error));
        self.taken.entry(key).or_default().push(sample.ok());
    }

    /// It could not even be tried.
    pub(crate) fn fail(&mut self, row: W::What, participant: W, error: String) {
        self.failures.entry((row, participant)).or_insert(error);
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = W::What> {
        let all = W::What::ALL.iter().copied();
        all.filter(|row| self.taken.keys().any(|(taken, _)| taken == row))
    }

    pub(crate) fn costs(&self, row: W::What, participant: W) -> impl Iterator<Item = Cost> {
        self.taken
            .get(&(row, participant))
            .into_iter()
            .flatten()
            .filter_map(|cost| *cost)
    }

    /// Nanoseconds per operation.
    pub(crate) fn times(&self, row: W::What, participant: W) -> Vec<f64> {
        let costs = self.costs(row, participant);
        costs.map(|cost| cost.each()).collect()
    }

    /// Of what was asked for by the clock, how much was done; nothing where there is no pace.
    pub(crate) fn shares(&self, row: W::What, participant: W) -> Vec<f64> {
        let share = |cost: Cost| {
            let per_second = row.pace()?.per_second;
            Some(cost.operations as f64 / (per_second * cost.wall as f64 / 1e9))
        };
        self.costs(row, participant).filter_map(share).collect()
    }

    /// The ratios of the rounds in which both have a sample.
    pub(crate) fn ratios(&self, ours: (W::What, W), theirs: (W::What, W)) -> Vec<f64> {
        let of = |key| self.taken.get(&key).into_iter().flatten();
        let both = of(ours).zip(of(theirs));
        both.filter_map(|(ours, theirs)| Some(ours.as_ref()?.each() / theirs.as_ref()?.each()))
            .collect()
    }

    /// Of these, who is fastest in this row.
    pub(crate) fn fastest(&self, row: W::What, of: &[W]) -> Option<W> {
        let medians = of.iter().map(|&one| (median(&self.times(row, one)), one));
        medians
            .filter(|(median, _)| !median.is_nan())
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, one)| one)
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = (W::What, W, &str)> {
        let failures = self.failures.iter();
        failures.map(|(&(row, participant), error)| (row, participant, error.as_str()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::example::Party::{Peer, PeerArena, Wires};
    use crate::example::Row;

    /// One operation that took so long.
    pub(crate) fn nanoseconds(cpu: u64) -> Cost {
        Cost {
            operations: 1,
            cpu,
            wall: cpu,
            allocations: 0,
        }
    }

    #[test]
    fn a_round_that_failed_is_no_partner_for_another() {
        let mut samples = Samples::default();
        for (ours, theirs) in [(Ok(10), Ok(20)), (Ok(30), Err("gone")), (Ok(40), Ok(40))] {
            samples.add(Row::Create, Wires, ours.map(nanoseconds));
            let theirs = theirs.map(nanoseconds).map_err(str::to_owned);
            samples.add(Row::Create, Peer, theirs);
        }
        let ratios = samples.ratios((Row::Create, Wires), (Row::Create, Peer));
        assert_eq!(ratios, [0.5, 1.0]);
        assert_eq!(
            samples.failures().collect::<Vec<_>>(),
            [(Row::Create, Peer, "gone")]
        );
    }

    #[test]
    fn the_fastest_is_found_among_those_who_ran() {
        let mut samples = Samples::default();
        let candidates = [Peer, PeerArena];
        assert_eq!(samples.fastest(Row::Yield2, &candidates), None);
        samples.add(Row::Yield2, Peer, Ok(nanoseconds(10)));
        samples.add(Row::Yield2, PeerArena, Err("gone".to_owned()));
        assert_eq!(samples.fastest(Row::Yield2, &candidates), Some(Peer));
        samples.add(Row::Yield2, PeerArena, Ok(nanoseconds(9)));
        assert_eq!(samples.fastest(Row::Yield2, &candidates), Some(PeerArena));
    }
}
