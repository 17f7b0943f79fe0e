//! The documents name what is there: links lead somewhere; files, tests and methods exist.
//!
//! No test can tell whether a sentence is true. These tell when what a sentence is about was moved, renamed or removed.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Endings of files that people write. What ends so and has a slash is the path of a file.
const FILES: [&str; 11] = ["rs", "md", "toml", "sql", "txt", "sh", "py", "json", "yml", "yaml", "hex"];

/// What stands for something else, as in `apps/<name>/`.
const PLACEHOLDERS: [char; 7] = ['<', '>', '{', '}', '*', '…', '$'];

/// Underscores that make a name in lower case that of a test: it is a sentence. Settings and functions have fewer.
const SENTENCE: usize = 4;

/// What names of metrics begin with; they may have as many.
const METRIC: &str = "byway_";

/// A document's lines outside of blocks of code, each with its place.
struct Document {
    /// Relative to the root.
    path: String,
    lines: Vec<(String, String)>,
}

impl Document {
    fn new(path: String, text: &str) -> Self {
        let mut inside = false;
        let prose = text.lines().enumerate().filter(|(_, line)| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            !inside && !fence
        });
        let lines = prose.map(|(i, line)| (format!("{path}:{}", i + 1), line.to_owned())).collect();
        Self { path, lines }
    }

    /// What stands in backticks.
    fn spans(&self) -> Vec<(&str, &str)> {
        let spans = self.lines.iter().flat_map(|(place, line)| {
            line.split('`').skip(1).step_by(2).map(move |span| (place.as_str(), span))
        });
        spans.collect()
    }

    /// The targets of links that lead within the repository.
    fn links(&self) -> Vec<(&str, String)> {
        let mut links = Vec::new();
        for (place, line) in &self.lines {
            let text: Vec<_> = line.split('`').step_by(2).collect();
            for rest in text.join("").split("](").skip(1) {
                let target = rest.split(')').next().unwrap();
                if !target.contains("://") {
                    links.push((place.as_str(), target.to_owned()));
                }
            }
        }
        links
    }

    /// The anchors of its headings, as web pages of repositories make them.
    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.lines.iter().filter_map(|(_, line)| line.split_once("# ").filter(is_heading));
        headings.map(|(_, heading)| anchor(heading)).collect()
    }
}

fn is_heading((marks, _): &(&str, &str)) -> bool {
    marks.chars().all(|mark| mark == '#')
}

fn anchor(heading: &str) -> String {
    let lower = heading.trim().to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file with this ending that people write, relative to the root, in order, with its text.
fn files(ending: &str) -> Vec<(String, String)> {
    const FOREIGN: [&str; 4] = ["target", "node_modules", "dist", ".git"];
    let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if entry.file_type().unwrap().is_dir() {
                if !FOREIGN.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if Path::new(&name).extension().is_some_and(|found| found == ending) {
                let text = fs::read_to_string(root().join(&path)).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<Document> {
    files("md").into_iter().map(|(path, text)| Document::new(path, &text)).collect()
}

/// The path that a span is, if it is one: it begins with a folder of the root, or ends like a file.
fn as_path(span: &str) -> Option<&str> {
    let plain = !span.contains(PLACEHOLDERS) && !span.contains(char::is_whitespace) && !span.contains("://");
    let (first, _) =
        span.split_once('/').filter(|(first, _)| plain && !first.is_empty() && *first != "..")?;
    let ending = Path::new(span).extension().and_then(|ending| ending.to_str());
    let known = first != "target" && root().join(first).is_dir();
    (known || ending.is_some_and(|ending| FILES.contains(&ending))).then_some(span)
}

fn is_sentence(span: &str) -> bool {
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    span.chars().all(named) && span.matches('_').count() >= SENTENCE && !span.starts_with(METRIC)
}

/// `Type::name`, which may be a method, a variant or a constant.
fn as_member(span: &str) -> Option<(&str, &str)> {
    let name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let (of, member) = span.split_once("::")?;
    (of.starts_with(|c: char| c.is_ascii_uppercase()) && name(of) && name(member)).then_some((of, member))
}

/// The names in a source.
fn words(source: &str) -> BTreeSet<&str> {
    source.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect()
}

/// Fails with all breaches, one a line.
fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn the_rules_see_links_paths_and_names_but_no_blocks_of_code_and_no_placeholders() {
    let text =
        "# A `b`, c\n[x](y.md#z) [w](https://w)\n```\n[n](none.md)\n```\n`[n](none.md)` and `node/src`\n";
    let document = Document::new("a.md".to_owned(), text);
    assert_eq!(document.links(), [("a.md:2", "y.md#z".to_owned())]);
    let spans: Vec<_> = document.spans().into_iter().map(|(_, span)| span).collect();
    assert_eq!(spans, ["b", "[n](none.md)", "node/src"]);
    assert_eq!(document.anchors(), BTreeSet::from(["a-b-c".to_owned()]));
    for path in ["node/src/x.rs", "protocol/", "x/y.md"] {
        assert_eq!(as_path(path), Some(path));
    }
    for other in ["apps/<name>/", "/v1/x.json", "../x.md", "x.md", "text/event-stream", "https://a/x.md"] {
        assert_eq!(as_path(other), None, "{other}");
    }
    assert!(is_sentence("a_renewed_lease_does_not_pass") && !is_sentence("trusted_setup_nodes"));
    assert!(!is_sentence("byway_setup_refused_untrusted_total"));
    assert_eq!(as_member("Forwarder::send"), Some(("Forwarder", "send")));
    assert_eq!((as_member("std::fs"), as_member("Client::call::<E>")), (None, None));
}

#[test]
fn every_span_of_code_ends_on_its_line() {
    let open = |line: &str| line.matches('`').count() % 2 == 1;
    let documents = documents();
    let lines = documents.iter().flat_map(|document| &document.lines);
    let breaches = lines.filter(|(_, line)| open(line)).map(|(place, _)| place.clone());
    assert_none(&breaches.collect::<Vec<_>>());
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_of_it() {
    let documents = documents();
    let mut breaches = Vec::new();
    for document in &documents {
        let folder = Path::new(&document.path).parent().unwrap();
        for (place, link) in document.links() {
            let (file, heading) = link.split_once('#').map_or((link.as_str(), None), |(f, h)| (f, Some(h)));
            let target =
                if file.is_empty() { root().join(&document.path) } else { root().join(folder).join(file) };
            let Ok(target) = target.canonicalize() else {
                breaches.push(format!("{place} leads to {link}, which is not there"));
                continue;
            };
            let same = |other: &&Document| root().join(&other.path).canonicalize().is_ok_and(|p| p == target);
            let anchors = documents.iter().find(same).map(Document::anchors).unwrap_or_default();
            if heading.is_some_and(|heading| !anchors.contains(heading)) {
                breaches.push(format!("{place} leads to {link}, which has no such heading"));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut breaches = Vec::new();
    for document in documents() {
        for (place, span) in document.spans() {
            if as_path(span).is_some_and(|path| !root().join(path).exists()) {
                breaches.push(format!("{place} names {span}, which is not there"));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn every_test_and_every_member_of_a_type_that_a_document_names_exists() {
    let sources = files("rs");
    let sources: Vec<_> = sources.iter().map(|(_, source)| (source, words(source))).collect();
    let mut breaches = Vec::new();
    for document in documents() {
        for (place, span) in document.spans() {
            let declared = || sources.iter().any(|(source, _)| source.contains(&format!("fn {span}(")));
            if is_sentence(span) && !declared() {
                breaches.push(format!("{place} names the test {span}, which is not there"));
            }
            let Some((of, member)) = as_member(span) else { continue };
            if !sources.iter().any(|(_, words)| words.contains(of) && words.contains(member)) {
                breaches.push(format!("{place} names {span}, which no source has"));
            }
        }
    }
    assert_none(&breaches);
}
