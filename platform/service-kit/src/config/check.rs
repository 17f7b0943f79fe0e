//! What must hold of every declaration of settings; called by each service's tests.

use std::collections::BTreeSet;

use super::{ConfigKeys, Kind, common::RawCommon, loader::defaults, sample};

/// Asserts that the settings `R` can be told apart in every layer and that the sample file means the defaults.
///
/// # Panics
/// If two settings, the common ones included, share a name or a variable; if a table holds a table; if a default or
/// an example is not of its setting's kind; if the sample file does not parse to the default.
pub fn assert_settings<R: ConfigKeys + PartialEq + std::fmt::Debug>() {
    let own = R::keys();
    let mut variables = BTreeSet::new();
    for key in own.iter().chain(&RawCommon::keys()) {
        assert!(key.name.matches('.').count() <= 1, "`{}` is nested more than one table deep", key.name);
        assert!(key.kind != Kind::List(&Kind::Table), "`{}` is a list of tables", key.name);
        assert!(!key.doc.trim().is_empty(), "`{}` has no description", key.name);
        assert!(variables.insert(key.variable()), "two settings share BYWAY_{}", key.variable());
        if key.is_secret() {
            let file = format!("{}_FILE", key.variable());
            assert!(variables.insert(file), "the file form of `{}` is another setting", key.name);
        }
        if let Some(example) = key.example {
            let fits = key.kind.read(example).is_some();
            assert!(fits, "the example of `{}` is not {}", key.name, key.kind.expected());
        }
    }
    let text = sample::<R>("sample");
    let mut table: toml::Table = toml::from_str(&text).expect("the sample is TOML");
    for key in &RawCommon::keys() {
        table.remove(&key.name);
    }
    for key in own.iter().filter(|key| !key.is_secret()) {
        if let Some(value) = super::loader::get(&defaults(&R::default()), &key.name) {
            assert!(key.kind.accepts(value), "the default of `{}` is not {}", key.name, key.kind.expected());
        }
    }
    let parsed: R = table.try_into().expect("the sample holds known settings only");
    assert_eq!(parsed, R::default(), "the sample file differs from the defaults");
}
