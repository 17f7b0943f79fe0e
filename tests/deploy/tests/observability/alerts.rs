//! The alerts: what they ask, that Prometheus' own tests of them pass and cover them, and where they lead.

use std::collections::BTreeSet;

use byway_deploy::{Tool, read, root, run, yaml};
use serde_json::Value;

use crate::{FOLDER, assert_none, queries::Query};

fn file(name: &str) -> Value {
    yaml::document(&read(&format!("{FOLDER}/{name}"))).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn rules(file: &Value) -> Vec<&Value> {
    let rules: Vec<_> = list(file, "groups").flat_map(|group| list(group, "rules")).collect();
    assert!(!rules.is_empty());
    rules
}

/// What every alert asks, and the labels that its summary names.
pub(crate) fn queries() -> Vec<Query> {
    let file = file("alerts.yml");
    let parsed = rules(&file).into_iter().map(|rule| {
        let place = format!("the alert {}", rule["alert"].as_str().unwrap());
        let summary = rule["annotations"]["summary"].as_str().unwrap();
        let named = summary.split("$labels.").skip(1).filter_map(|rest| rest.split([' ', '}']).next());
        Query::parse(&place, rule["expr"].as_str().unwrap(), &named.collect::<Vec<_>>()).unwrap()
    });
    parsed.collect()
}

#[test]
fn every_alert_has_a_severity_a_summary_and_an_incident_that_the_pages_describe() {
    let page = read("docs/operations/incidents.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    let anchor = |heading: &str| heading.to_lowercase().replace(' ', "-").replace('\'', "");
    let anchors: BTreeSet<String> = headings.map(anchor).collect();
    let file = file("alerts.yml");
    let wrong = rules(&file).into_iter().filter_map(|rule| {
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        let incident = rule["annotations"]["incident"].as_str().unwrap_or_default();
        let known = ["info", "warning", "critical"].contains(&severity) && anchors.contains(incident);
        (!known).then(|| format!("{}: severity '{severity}', incident '{incident}'", rule["alert"]))
    });
    assert_none(&wrong.collect::<Vec<_>>());
}

#[test]
fn every_alert_is_tested_when_it_fires_and_when_it_does_not() {
    let tests = file("alerts.test.yml");
    let cases = || list(&tests, "tests").flat_map(|test| list(test, "alert_rule_test"));
    let with = |loud: bool| -> BTreeSet<&str> {
        let of_kind = cases().filter(|case| (list(case, "exp_alerts").count() > 0) == loud);
        of_kind.map(|case| case["alertname"].as_str().unwrap()).collect()
    };
    let file = file("alerts.yml");
    let names: BTreeSet<&str> =
        rules(&file).into_iter().map(|rule| rule["alert"].as_str().unwrap()).collect();
    assert_eq!(with(true), names, "fire");
    assert_eq!(with(false), names, "stay quiet");
}

#[test]
fn prometheus_accepts_its_settings_and_the_alerts_and_their_tests_pass() {
    for arguments in [["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]] {
        let Some(mut promtool) = Tool::PROMTOOL.command_or_skip() else { return };
        run(promtool.current_dir(root().join(FOLDER)).args(arguments));
    }
}
