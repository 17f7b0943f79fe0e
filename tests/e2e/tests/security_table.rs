//! The table of `docs/security-tests.md` cannot rot: its tests are where it says, and no attack is missing from it.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The table.
const TABLE: &str = "docs/security-tests.md";
/// What it must name entirely.
const ATTACKS: &str = "tests/e2e/tests/attacks";
/// Rows of the threat list.
const ROWS: std::ops::RangeInclusive<u32> = 1..=17;

/// A line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    row: u32,
    file: String,
    tests: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn spans(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn lines(table: &str) -> Vec<Line> {
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = cells.map(|line| line.split(" | ").collect::<Vec<_>>());
    let numbered = cells.filter_map(|cells| match cells[..] {
        [row, _, file, tests] => Some((row.parse().ok()?, file, tests)),
        _ => None,
    });
    numbered
        .map(|(row, file, tests)| Line { row, file: spans(file).remove(0), tests: spans(tests) })
        .collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_default()
}

/// The names of the test functions of a source.
fn tests_of(source: &str) -> BTreeSet<String> {
    let after_attribute = source.split("#[test]").skip(1).chain(source.split("#[tokio::test").skip(1));
    let names = after_attribute.filter_map(|rest| rest.split("fn ").nth(1)?.split('(').next());
    names.map(str::to_owned).collect()
}

/// Every source under a folder.
fn sources(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_table_is_read_line_by_line() {
    let line = Line { row: 3, file: "a/b.rs".to_owned(), tests: vec!["x_y".to_owned(), "z".to_owned()] };
    let table =
        "| row | what | file | tests |\n|---|---|---|---|\n| 3 | something | `a/b.rs` | `x_y`, `z` |\ntext\n";
    assert_eq!(lines(table), [line]);
    let source = "#[test]\nfn one() {}\n#[tokio::test(flavor = \"x\")]\nasync fn two() { let fn_ptr = 1; }\nfn no() {}";
    assert_eq!(tests_of(source), BTreeSet::from(["one".to_owned(), "two".to_owned()]));
}

#[test]
fn every_test_of_the_table_is_in_the_file_that_it_names() {
    let mut breaches = Vec::new();
    for Line { row, file, tests } in lines(&read(TABLE)) {
        let source = read(&file);
        let missing = tests.iter().filter(|test| !source.contains(&format!("fn {test}(")));
        breaches.extend(missing.map(|test| format!("row {row}: {file} has no {test}")));
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_row_of_the_threat_list_has_tests() {
    let lines = lines(&read(TABLE));
    let covered: BTreeSet<u32> =
        lines.iter().filter(|line| !line.tests.is_empty()).map(|line| line.row).collect();
    assert_eq!(covered, ROWS.collect());
}

#[test]
fn every_attack_is_in_the_table() {
    let lines = lines(&read(TABLE));
    let named: BTreeSet<_> = lines.iter().flat_map(|line| &line.tests).collect();
    let attacks = sources(ATTACKS).into_iter().flat_map(|file| tests_of(&read(&file)));
    let missing: Vec<_> = attacks.filter(|attack| !named.contains(attack)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in {TABLE}");
}
