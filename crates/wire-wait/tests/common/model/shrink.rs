//! Makes a sequence that fails as small as it gets.
//!
//! Delta debugging: pieces are left out, the large ones first, then steps one by one and two by two,
//! then what is left is put more simply, until none of that leaves a sequence that fails.

use super::{Model, PUPPETS, Step};

/// The smallest sequence found, given one that fails.
pub fn shrink<M: Model>(
    mut steps: Vec<Step<M::Op>>,
    mut fails: impl FnMut(&[Step<M::Op>]) -> bool,
) -> Vec<Step<M::Op>> {
    loop {
        let before = steps.clone();
        leave_out_pieces::<M>(&mut steps, &mut fails);
        leave_out_pairs::<M>(&mut steps, &mut fails);
        simplify::<M>(&mut steps, &mut fails);
        if steps == before {
            return steps;
        }
    }
}

type Fails<'f, M> = &'f mut dyn FnMut(&[Step<<M as Model>::Op>]) -> bool;

fn leave_out_pieces<M: Model>(steps: &mut Vec<Step<M::Op>>, fails: Fails<'_, M>) {
    let mut size = steps.len().div_ceil(2);
    while size > 0 {
        // From the end, since what comes late depends on what came before.
        let mut start = steps.len();
        while start > 0 {
            start = start.saturating_sub(size);
            let mut fewer = steps.clone();
            fewer.drain(start..(start + size).min(steps.len()));
            if fewer.len() < steps.len() && fails(&fewer) {
                *steps = fewer;
            }
        }
        size /= 2;
    }
}

/// What only goes away together, such as an operation and the turn in which it is done.
fn leave_out_pairs<M: Model>(steps: &mut Vec<Step<M::Op>>, fails: Fails<'_, M>) {
    let mut second = steps.len();
    while second > 1 {
        second -= 1;
        for first in (0..second).rev() {
            let mut fewer = steps.clone();
            fewer.remove(second);
            fewer.remove(first);
            if fails(&fewer) {
                *steps = fewer;
                second -= 1;
                break;
            }
        }
    }
}

fn simplify<M: Model>(steps: &mut [Step<M::Op>], fails: Fails<'_, M>) {
    for index in 0..steps.len() {
        while let Some(better) = simpler::<M>(steps[index]).into_iter().find(|&candidate| {
            let mut other = steps.to_vec();
            other[index] = candidate;
            fails(&other)
        }) {
            steps[index] = better;
        }
    }
    // Puppets are numbered as they come.
    let mut order = Vec::new();
    for who in steps.iter().filter_map(Step::who) {
        if !order.contains(&who) {
            order.push(who);
        }
    }
    let renumbered: Vec<_> = steps
        .iter()
        .map(|&step| of_another::<M>(step, |who| order.iter().position(|&other| other == who)))
        .collect();
    if renumbered != steps && fails(&renumbered) {
        steps.copy_from_slice(&renumbered);
    }
}

fn of_another<M: Model>(step: Step<M::Op>, other: impl Fn(usize) -> Option<usize>) -> Step<M::Op> {
    let other = |who| other(who).unwrap_or(who);
    match step {
        Step::Do(who, op) => Step::Do(other(who), op),
        Step::Unwind(who, op) => Step::Unwind(other(who), op),
        Step::Cancel(who) => Step::Cancel(other(who)),
        Step::Deadline(who) => Step::Deadline(other(who)),
        Step::CancelWoken | Step::DeadlineWoken | Step::Turn | Step::Settle => step,
    }
}

/// Steps that say the same in a simpler way. None is in a circle with others.
fn simpler<M: Model>(step: Step<M::Op>) -> Vec<Step<M::Op>> {
    let mut all = Vec::new();
    match step {
        Step::Do(who, op) => {
            all.extend(M::simpler(op).into_iter().map(|op| Step::Do(who, op)));
        }
        Step::Unwind(who, op) => {
            all.push(Step::Do(who, op));
            all.extend(M::simpler(op).into_iter().map(|op| Step::Unwind(who, op)));
        }
        Step::Deadline(who) => all.push(Step::Cancel(who)),
        Step::CancelWoken => all.extend((0..PUPPETS).map(Step::Cancel)),
        Step::DeadlineWoken => {
            all.push(Step::CancelWoken);
            all.extend((0..PUPPETS).map(Step::Deadline));
        }
        Step::Settle => all.push(Step::Turn),
        Step::Cancel(_) | Step::Turn => {}
    }
    if let Some(who) = step.who() {
        all.extend((0..who).map(|other| of_another::<M>(step, |_| Some(other))));
    }
    all
}
