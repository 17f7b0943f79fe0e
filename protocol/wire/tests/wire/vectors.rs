//! Golden vectors: the bytes of every example, as files that other implementations can read.
//!
//! `vectors/<protocol>.txt` holds one `name = hex` per line. `BYWAY_BLESS=1` writes the files anew; a change in them is
//! a change of protocol.

use std::{collections::BTreeMap, fs, path::PathBuf};

use data_encoding::HEXLOWER;

use crate::{examples, json};

/// The text of each vector by its full name, `<protocol>/<name>`.
type Vectors = BTreeMap<String, String>;

#[test]
fn every_message_has_the_bytes_of_its_golden_vector() {
    let mut expected = Vectors::new();
    for example in examples::all() {
        assert_eq!(
            expected.insert(example.name.clone(), HEXLOWER.encode(&example.bytes)),
            None,
            "{}",
            example.name
        );
    }
    expected.extend(json::examples());
    if std::env::var_os("BYWAY_BLESS").is_some() {
        bless(&expected);
    }
    let found = load();
    for (name, text) in &expected {
        let golden =
            found.get(name).unwrap_or_else(|| panic!("{name} has no vector; run with BYWAY_BLESS=1"));
        assert_eq!(golden, text, "{name}");
    }
    let extra: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
    assert!(extra.is_empty(), "vectors without a message: {extra:?}");
}

#[test]
fn every_golden_vector_decodes_to_its_message() {
    let found = load();
    for example in examples::all() {
        let bytes = HEXLOWER.decode(found[&example.name].as_bytes()).unwrap();
        let read = example.read(&bytes).unwrap_or_else(|e| panic!("{}: {e}", example.name));
        assert!(read.same, "{}", example.name);
    }
}

/// All vectors on disk, by full name.
pub(crate) fn load() -> Vectors {
    let mut vectors = Vectors::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let protocol = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, value) =
                line.split_once(" = ").unwrap_or_else(|| panic!("{}: {line}", path.display()));
            assert_eq!(
                vectors.insert(format!("{protocol}/{name}"), value.to_owned()),
                None,
                "{name} stands twice"
            );
        }
    }
    vectors
}

fn bless(expected: &Vectors) {
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for (name, text) in expected {
        let (protocol, name) = name.split_once('/').unwrap();
        let header =
            || "# Golden vectors, one `name = value` per line. See docs/wire/README.md.\n".to_owned();
        *files.entry(protocol).or_insert_with(header) += &format!("{name} = {text}\n");
    }
    fs::create_dir_all(folder()).unwrap();
    for (protocol, text) in &files {
        fs::write(folder().join(protocol).with_extension("txt"), text).unwrap();
    }
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if !files.contains_key(path.file_stem().unwrap().to_str().unwrap()) {
            fs::remove_file(path).unwrap();
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}
