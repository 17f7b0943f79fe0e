//! The examples in `docs/wire/` are golden vectors: a block that begins with ```` ```hex <name> ````, or `json`, shows
//! the vector of that name.

use std::{fs, path::PathBuf};

use byway_base::limits;
use byway_wire::link;
use serde_json::Value;

use crate::vectors;

/// A fenced block whose opening line names a vector.
struct Block {
    place: String,
    language: String,
    name: String,
    text: String,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/wire")
}

fn blocks() -> Vec<Block> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let page = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let mut parts = text.split("```");
        while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
            let (opening, text) = block.split_once('\n').unwrap();
            if let Some((language, name)) = opening.split_once(' ') {
                let place = format!("{page}: {name}");
                found.push(Block { place, language: language.into(), name: name.into(), text: text.into() });
            }
        }
    }
    found
}

#[test]
fn every_example_in_the_documents_is_a_golden_vector() {
    let vectors = vectors::load();
    for Block { place, language, name, text } in blocks() {
        let golden = vectors.get(&name).unwrap_or_else(|| panic!("{place}: no such vector"));
        match language.as_str() {
            "hex" => assert_eq!(&text.split_whitespace().collect::<String>(), golden, "{place}"),
            "json" => {
                let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
                assert_eq!(parse(&text), parse(golden), "{place}");
            }
            other => panic!("{place}: {other} is neither hex nor json"),
        }
    }
}

#[test]
fn every_protocol_has_an_example_in_the_documents() {
    let blocks = blocks();
    for name in vectors::load().keys() {
        let protocol = name.split('/').next().unwrap();
        let shown = blocks.iter().any(|block| block.name.starts_with(&format!("{protocol}/")));
        assert!(shown, "docs/wire shows no example of {protocol}");
    }
}

#[test]
fn the_limits_in_the_documents_are_those_of_the_code() {
    let setup_hops = format!("1 to {} hops", limits::HOPS_MAX);
    let lease = format!("vanish after {} seconds", limits::ROUTE_LEASE.as_secs());
    let ahead = format!("at most {} seconds ahead", limits::ROUTE_REQUEST_TTL.as_secs());
    let valid = format!("more than {} seconds", limits::RECORD_TTL.as_secs());
    let skew = format!("difference of {} seconds", limits::CLOCK_SKEW.as_secs());
    let entries = format!("more than {} servers, candidates or addresses", limits::RECORD_ENTRIES);
    let link = format!(
        "offer of {} bytes, the other edge answers with an agreement of {} bytes",
        link::OFFER_BYTES,
        link::AGREE_BYTES
    );
    let handshake = format!("at most {} seconds", limits::HANDSHAKE_TIMEOUT.as_secs());
    for (page, phrase) in [
        ("packets", format!("at most {}", spaced(limits::PACKET_PAYLOAD_MAX))),
        ("messaging", format!("at most {} bytes", spaced(limits::MESSAGING_PAYLOAD_MAX))),
        ("messaging", format!("32 … {}", spaced(byway_wire::messaging::FRAME_BODY_MAX))),
        ("messaging", format!("64 … {}", spaced(byway_wire::messaging::FRAME_BODY_TWO_KEYS_MAX))),
        ("setup", format!("at most {} bytes", spaced(limits::SETUP_MESSAGE_MAX))),
        ("setup", setup_hops),
        ("setup", lease),
        ("setup", format!("at most {} routes", limits::SETUP_INSPECT_ROUTES)),
        ("setup", ahead),
        ("setup", skew.clone()),
        ("punch", format!("at most {} bytes", byway_wire::punch::PUNCH_MESSAGE_MAX)),
        ("punch", format!("best guess first; at most {}", limits::PUNCH_CANDIDATES)),
        ("records", valid),
        ("records", skew),
        ("records", entries),
        ("transport-link", link),
        ("transport-link", handshake),
    ] {
        let text = fs::read_to_string(folder().join(page).with_extension("md")).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&phrase), "{page}.md does not say '{phrase}'");
    }
}

/// A number below a million with its thousands set apart.
fn spaced(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{} {:03}", number / 1_000, number % 1_000) }
}
