//! The operations pages, by section.

use std::{collections::BTreeSet, fs, process::Command};

use byway_deploy::{read, root};
use byway_e2e::page::{blocks, mentioned};
use byway_testkit::program;

const FOLDER: &str = "docs/operations";
/// What comes before the first heading of a page, and sets the places that commands name.
pub(crate) const TOP: &str = "";

/// Every section that has commands, and in which test they are run.
const RUN: &[(&str, &str)] = &[
    ("backup.md", TOP),
    ("backup.md", "Back up"),
    ("backup.md", "Look into a backup"),
    ("backup.md", "Restore"),
    ("upgrade.md", TOP),
    ("upgrade.md", "Before"),
    ("upgrade.md", "One after the other"),
    ("upgrade.md", "Back"),
    ("keys.md", TOP),
    ("keys.md", "On the setup node: make the next key"),
    ("keys.md", "On every node: trust both"),
    ("keys.md", "On the setup node: switch"),
    ("keys.md", "On every node: forget the old one"),
    ("keys.md", "On the setup node: destroy the old one"),
    ("monitoring.md", TOP),
    ("monitoring.md", "At once"),
    ("incidents.md", TOP),
];

/// The commands of a section of a page, as one script.
///
/// # Panics
/// If the page has no such section, or it has no commands, or is not listed as run.
pub(crate) fn script(page: &str, section: &str) -> String {
    assert!(RUN.contains(&(page, section)), "{page}, '{section}' is not listed");
    let text = read(&format!("{FOLDER}/{page}"));
    let found = sections(&text).into_iter().find(|(heading, _)| *heading == section);
    let (_, body) = found.unwrap_or_else(|| panic!("{page} has no section '{section}'"));
    let script = commands(body);
    assert!(!script.is_empty(), "{page}, '{section}' has no commands");
    script
}

fn commands(body: &str) -> String {
    blocks(body).into_iter().filter(|block| block.language == "sh").map(|block| block.text).collect()
}

/// Headings and what stands below each; first what stands above all of them.
fn sections(text: &str) -> Vec<(&str, &str)> {
    let mut parts = text.split("\n## ");
    let top = parts.next().map(|top| (TOP, top));
    top.into_iter().chain(parts.map(|part| part.split_once('\n').unwrap_or((part, "")))).collect()
}

fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(root().join(FOLDER)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.map(|name| (name.clone(), read(&format!("{FOLDER}/{name}")))).collect()
}

#[test]
fn every_section_with_commands_is_run_and_no_other_is_listed() {
    let pages = pages();
    let with_commands = pages.iter().flat_map(|(name, text)| {
        let sections = sections(text).into_iter().filter(|(_, body)| !commands(body).is_empty());
        sections.map(move |(heading, _)| (name.as_str(), heading))
    });
    assert_eq!(with_commands.collect::<BTreeSet<_>>(), RUN.iter().copied().collect());
}

#[test]
fn a_page_falls_into_sections_by_its_headings() {
    assert_eq!(sections("# a\nb\n## c\nd\n## e\n"), [(TOP, "# a\nb"), ("c", "d"), ("e", "")]);
}

#[test]
fn what_sentences_tell_to_type_is_a_command_of_the_program() {
    let byway = program("byway");
    for (name, text) in pages() {
        for span in mentioned(&text).into_iter().filter(|span| span.starts_with("byway ")) {
            let command = span.split(' ').nth(1).unwrap();
            let known = Command::new(&byway).args(["help", command]).output().unwrap().status.success();
            assert!(known, "{name} names `{span}`, which the program does not know");
        }
    }
}

#[test]
fn every_metric_that_a_page_names_is_one_that_a_source_records() {
    let sources = sources();
    for (name, text) in pages() {
        let spans = text.split('`').skip(1).step_by(2).filter(|span| span.starts_with("byway_"));
        for metric in spans.filter_map(|span| span.split(' ').next()) {
            assert!(
                sources.contains(&format!("\"{metric}\"")),
                "{name} names {metric}, which nobody records"
            );
        }
    }
}

/// Everything that may record metrics, as one text.
fn sources() -> String {
    let (mut text, mut folders) = (String::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !["target", "tests", "docs", ".git"].contains(&name) {
                folders.push(path);
            } else if name.ends_with(".rs") {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    text
}
