//! What a port declares to lack, held against the suite it is tried with.
//!
//! A declaration may excuse neither more nor less than it says: each test is named in full, exists,
//! and is the only one of its name, since libtest is told the bare names of what to leave out.

use std::collections::BTreeMap;

use super::declared::Lack;

/// A test case of the suite.
pub(super) struct Test {
    pub(super) package: String,
    pub(super) target: String,
    /// As libtest calls it: with its modules, but without its program.
    pub(super) name: String,
}

/// What libtest calls the tests that are left out.
pub(super) fn names<'a>(lacks: &[&'a Lack]) -> impl Iterator<Item = &'a str> {
    lacks
        .iter()
        .flat_map(|lack| &lack.tests)
        .filter_map(|test| test.splitn(3, "::").nth(2))
}

/// What is wrong with the declarations. `contract` and `front` are the front pages of the layer and
/// of the port.
pub(super) fn check(lacks: &[&Lack], suite: &[Test], contract: &str, front: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut whose = BTreeMap::<&str, Vec<String>>::new();
    for Test {
        package,
        target,
        name,
    } in suite
    {
        let full = format!("{package}::{target}::{name}");
        whose.entry(name).or_default().push(full);
    }
    let mut seen = BTreeMap::<&str, &str>::new();
    for Lack { what, tests, .. } in lacks {
        let named = format!("**{what}**");
        if !contract.contains(&named) {
            complaints.push(format!(
                "`{what}` is not optional: the contract has no {named}"
            ));
        }
        if !front.contains(&named) {
            complaints.push(format!(
                "the port's front page does not say that it lacks {named}"
            ));
        }
        if tests.is_empty() {
            complaints.push(format!(
                "`{what}`: no test shows that; say so on the front page only"
            ));
        }
        for test in tests {
            if let Some(before) = seen.insert(test, what) {
                complaints.push(format!("{test} is under `{before}` and `{what}`"));
            }
            let name = test.splitn(3, "::").nth(2).unwrap_or_default();
            let same = whose.get(name).map_or(&[][..], Vec::as_slice);
            if !same.contains(test) {
                complaints.push(format!(
                    "{test}, under `{what}`: the suite has no such test (it is package::target::test)"
                ));
            } else if same.len() > 1 {
                complaints.push(format!(
                    "{test}, under `{what}`: leaving it out would leave out all of {}; rename it",
                    same.join(", ")
                ));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = "//! - **dumps**: then an error.\n//! - **marks**: then `None`.";

    fn lack(what: &str, tests: &[&str]) -> Lack {
        Lack {
            what: what.into(),
            tests: tests.iter().copied().map(Into::into).collect(),
            variants: Vec::new(),
        }
    }

    fn complaints(lacks: &[Lack]) -> String {
        let suite = ["dumps", "marks", "dumps_more", "inner::works"];
        let suite = suite.map(|name| ("wire-stack", "arena", name));
        let twice = ["pool", "lifetimes"].map(|target| ("wire-pool", target, "twice"));
        let suite: Vec<_> = suite
            .into_iter()
            .chain(twice)
            .map(|(package, target, name)| Test {
                package: package.into(),
                target: target.into(),
                name: name.into(),
            })
            .collect();
        let lacks: Vec<_> = lacks.iter().collect();
        check(&lacks, &suite, CONTRACT, "//! It lacks **dumps**.").join("\n")
    }

    #[test]
    fn tests_that_exist_may_be_left_out_by_their_exact_names() {
        let lacks = [lack(
            "dumps",
            &[
                "wire-stack::arena::dumps",
                "wire-stack::arena::inner::works",
            ],
        )];
        assert_eq!(complaints(&lacks), "");
        let named: Vec<_> = names(&[&lacks[0]]).collect();
        assert_eq!(named, ["dumps", "inner::works"]);
    }

    #[test]
    fn stale_names_and_patterns_fail() {
        for stale in [
            "wire-stack::arena::dump",
            "wire-stack::arena::*",
            "wire-stack::fixed::dumps",
            "wire-stack::arena",
            "dumps",
        ] {
            let text = complaints(&[lack("dumps", &[stale])]);
            assert!(
                text.starts_with(&format!(
                    "{stale}, under `dumps`: the suite has no such test"
                )),
                "{text}"
            );
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }

    #[test]
    fn a_name_that_another_program_has_too_fails() {
        let text = complaints(&[lack("dumps", &["wire-pool::pool::twice"])]);
        assert!(
            text.ends_with(
                "leave out all of wire-pool::pool::twice, wire-pool::lifetimes::twice; rename it"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_the_contract_does_not_offer_cannot_be_lacked() {
        let text = complaints(&[lack("guards", &["wire-stack::arena::dumps"])]);
        assert!(text.contains("`guards` is not optional"), "{text}");
    }

    #[test]
    fn a_lack_must_be_told_and_shown() {
        let text = complaints(&[lack("marks", &[])]);
        assert_eq!(
            text,
            "the port's front page does not say that it lacks **marks**\n\
             `marks`: no test shows that; say so on the front page only"
        );
    }

    #[test]
    fn a_test_is_left_out_for_one_reason() {
        let test = &["wire-stack::arena::dumps"];
        let text = complaints(&[lack("dumps", test), lack("dumps", test)]);
        assert_eq!(
            text,
            "wire-stack::arena::dumps is under `dumps` and `dumps`"
        );
    }
}
