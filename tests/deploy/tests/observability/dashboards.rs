//! The panels, as Grafana reads them.

use std::{collections::BTreeSet, fs};

use byway_deploy::{read, root, yaml};
use serde_json::Value;

use crate::{FOLDER, assert_none, queries::Query};

/// Every dashboard, with its path.
fn all() -> Vec<(String, Value)> {
    let folder = format!("{FOLDER}/grafana/dashboards");
    let files = fs::read_dir(root().join(&folder)).unwrap();
    let mut paths: Vec<String> =
        files.map(|file| format!("{folder}/{}", file.unwrap().file_name().into_string().unwrap())).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.into_iter().map(|path| (path.clone(), serde_json::from_str(&read(&path)).unwrap())).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// The labels between `{{` and `}}` of a legend.
fn labels(legend: &str) -> Vec<&str> {
    legend
        .split("{{")
        .skip(1)
        .filter_map(|rest| rest.split_once("}}"))
        .map(|(label, _)| label.trim())
        .collect()
}

/// What every panel and every variable asks.
pub(crate) fn queries() -> Vec<Query> {
    let mut found = Vec::new();
    for (path, dashboard) in all() {
        for panel in list(&dashboard, "panels") {
            let place = format!("{path}, panel '{}'", panel["title"].as_str().unwrap());
            found.extend(list(panel, "targets").map(|target| {
                let (query, legend) = (target["expr"].as_str().unwrap(), target["legendFormat"].as_str());
                Query::parse(&place, query, &labels(legend.unwrap_or_default())).unwrap()
            }));
        }
        for variable in list(&dashboard["templating"], "list") {
            let query = variable["query"].as_str().unwrap();
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (selector, label) = inner.rsplit_once(", ").unwrap();
            found.push(Query::parse(&format!("{path}, variable"), selector, &[label]).unwrap());
        }
    }
    assert!(found.len() > 50, "{} queries", found.len());
    found
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit_and_asks_the_source_that_is_provisioned() {
    let sources =
        yaml::document(&read(&format!("{FOLDER}/grafana/provisioning/datasources/prometheus.yml"))).unwrap();
    let uid = &sources["datasources"][0]["uid"];
    assert!(uid.is_string());
    let mut breaches = Vec::new();
    for (path, dashboard) in all() {
        let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard, "panels") {
            let title = panel["title"].as_str().unwrap_or_default();
            if title.is_empty() || !titles.insert(title) || !ids.insert(panel["id"].as_u64()) {
                breaches.push(format!("{path}: '{title}' has the title or the id of another panel"));
            }
            if panel["type"] == "row" {
                continue;
            }
            if !panel["fieldConfig"]["defaults"]["unit"].is_string() {
                breaches.push(format!("{path}: '{title}' has no unit"));
            }
            let sources = list(panel, "targets").map(|target| &target["datasource"]["uid"]);
            if sources.chain([&panel["datasource"]["uid"]]).any(|found| found != uid) {
                breaches.push(format!("{path}: '{title}' asks another source"));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn no_two_panels_lie_on_each_other() {
    let mut breaches = Vec::new();
    for (path, dashboard) in all() {
        let mut taken = BTreeSet::new();
        for panel in list(&dashboard, "panels") {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            let mut cells = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
            if x + w > 24 || !cells.all(|cell| taken.insert(cell)) {
                breaches.push(format!("{path}: '{}' has no place of its own", panel["title"]));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn labels_of_a_legend_are_told_apart_from_its_words() {
    assert_eq!(labels("{{type}} is {{ state }}"), ["type", "state"]);
}
