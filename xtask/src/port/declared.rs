//! What a port says of itself in its manifest: how it is to be built, and what it lacks.

use serde::Deserialize;
use serde_json::Value;

use crate::run::{self, Problem};

/// One optional capability of the contract that the port has not.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Lack {
    /// Its name, as in the contract on the layer's front page.
    pub(super) what: String,
    /// The tests that need it, each as `package::target::test`.
    pub(super) tests: Vec<String>,
    /// The variants that lack it; all, if it names none.
    #[serde(default)]
    pub(super) variants: Vec<String>,
}

/// One way to build the port. All are tried.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Variant {
    pub(super) name: String,
    /// What `RUSTFLAGS` says for it.
    #[serde(default)]
    pub(super) rustflags: String,
}

/// `[package.metadata.port]`.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Declaration {
    #[serde(default)]
    lacks: Vec<Lack>,
    #[serde(default)]
    variants: Vec<Variant>,
}

impl Declaration {
    /// A port without one lacks nothing.
    pub(super) fn read(metadata: &Value) -> run::Result<Self> {
        let Some(port) = metadata.get("port") else {
            return Ok(Self::default());
        };
        let complain = |why| Problem::Failed(format!("[package.metadata.port]: {why}"));
        let this = Self::deserialize(port).map_err(|error| complain(error.to_string()))?;
        let known = |name: &String| this.variants.iter().any(|variant| variant.name == *name);
        for lack in &this.lacks {
            if let Some(name) = lack.variants.iter().find(|name| !known(name)) {
                let what = &lack.what;
                return Err(complain(format!("`{what}`: there is no variant `{name}`")));
            }
        }
        Ok(this)
    }

    /// All ways to build it: one without a name, if none is declared. With `only`, the one of that name.
    pub(super) fn variants(&self, only: Option<&str>) -> run::Result<Vec<Variant>> {
        let mut all = self.variants.clone();
        let names: Vec<_> = all.iter().map(|variant| variant.name.clone()).collect();
        match only {
            None if all.is_empty() => all.push(Variant::default()),
            None => {}
            Some(only) => all.retain(|variant| variant.name == only),
        }
        if all.is_empty() {
            return run::failed(format!(
                "the port has no such variant, but: {}",
                names.join(", ")
            ));
        }
        Ok(all)
    }

    /// What it lacks when built so.
    pub(super) fn lacks(&self, variant: &Variant) -> Vec<&Lack> {
        let ours = |lack: &&Lack| lack.variants.is_empty() || lack.variants.contains(&variant.name);
        self.lacks.iter().filter(ours).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> run::Result<Declaration> {
        Declaration::read(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn declarations_are_read_strictly() {
        assert_eq!(read("null"), Ok(Declaration::default()));
        assert_eq!(read(r#"{ "docs": {} }"#), Ok(Declaration::default()));
        let one = read(r#"{ "port": { "lacks": [{ "what": "a", "tests": ["b"] }] } }"#).unwrap();
        let expected = Lack {
            what: "a".into(),
            tests: vec!["b".into()],
            variants: Vec::new(),
        };
        assert_eq!(one.lacks, [expected]);
        assert!(read(r#"{ "port": { "lack": [] } }"#).is_err());
        assert!(read(r#"{ "port": { "lacks": [{ "what": "a", "test": ["b"] }] } }"#).is_err());
        assert!(read(r#"{ "port": { "variants": [{ "name": "a", "flags": "b" }] } }"#).is_err());
    }

    #[test]
    fn without_variants_it_is_built_once_as_it_is() {
        let variants = Declaration::default().variants(None);
        assert_eq!(variants, Ok(vec![Variant::default()]));
        assert!(Declaration::default().variants(Some("poll")).is_err());
    }

    #[test]
    fn each_variant_lacks_its_own() {
        let json = r#"{ "port": {
            "variants": [{ "name": "plain" }, { "name": "poll", "rustflags": "--cfg poll" }],
            "lacks": [
                { "what": "all", "tests": ["a"] },
                { "what": "one", "tests": ["b"], "variants": ["poll"] }
            ]
        } }"#;
        let port = read(json).unwrap();
        let lacks = |only| {
            let variants = port.variants(Some(only)).unwrap();
            assert_eq!(variants.len(), 1);
            let lacks = port.lacks(&variants[0]);
            lacks
                .iter()
                .map(|lack| lack.what.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(lacks("plain"), ["all"]);
        assert_eq!(lacks("poll"), ["all", "one"]);
        assert_eq!(port.variants(None).unwrap().len(), 2);
        assert!(port.variants(Some("pol")).is_err());
    }

    #[test]
    fn a_lack_of_a_variant_that_is_not_there_fails() {
        let json =
            r#"{ "port": { "lacks": [{ "what": "a", "tests": ["b"], "variants": ["c"] }] } }"#;
        let why = read(json).unwrap_err().to_string();
        assert!(why.ends_with("`a`: there is no variant `c`"), "{why}");
    }
}
