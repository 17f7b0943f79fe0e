//! Series in the text format of Prometheus.

use std::collections::BTreeMap;

/// One series: a name and labels. Its value does not matter here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Series {
    pub(crate) fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { name: name.to_owned(), labels }
    }
}

/// The series of one answer of `/metrics`, with the labels that Prometheus gives to all of a target.
pub(crate) fn parse(text: &str, job: &str, instance: &str) -> Vec<Series> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut series = one(line);
            series.labels.insert("job".to_owned(), job.to_owned());
            series.labels.insert("instance".to_owned(), instance.to_owned());
            series
        })
        .collect()
}

fn one(line: &str) -> Series {
    let Some((name, rest)) = line.split_once('{') else {
        let name = line.split(' ').next().unwrap();
        return Series::new(name, &[]);
    };
    let (mut labels, mut rest) = (BTreeMap::new(), rest);
    while !rest.starts_with('}') {
        let (label, after) = rest.split_once("=\"").unwrap();
        let (value, after) = quoted(after);
        labels.insert(label.trim_start_matches([',', ' ']).to_owned(), value);
        rest = after;
    }
    Series { name: name.to_owned(), labels }
}

/// A value up to the quote that ends it, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return (value, &text[at + 1..]),
            '\\' if !escaped => escaped = true,
            c => {
                value.push(if escaped && c == 'n' { '\n' } else { c });
                escaped = false;
            }
        }
    }
    panic!("a value without an end: {text}");
}

#[test]
fn names_and_labels_are_read_and_escapes_undone() {
    let text = "# TYPE a counter\na 1\nb{x=\"1\",y=\"a\\\"}b\"} 2\n";
    let found = parse(text, "j", "i");
    assert_eq!(found[0], Series::new("a", &[("job", "j"), ("instance", "i")]));
    assert_eq!(found[1], Series::new("b", &[("x", "1"), ("y", "a\"}b"), ("job", "j"), ("instance", "i")]));
}
